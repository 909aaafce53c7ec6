# What the makefiles of studies share. Before it is included: HERE, the makefile's folder;
# NAME, the study's; TABLE, the file beside cases.tsv whose rows are what is run.
#   $(call names,FILE)            the first column of a table
#   $(call field,FILE,ROW,N)      field N of a row
#   $(OUT)/rows/NAME              a row of either table, newer when it changed

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -ec
.DELETE_ON_ERROR:
TOP   := $(abspath $(HERE)/../..)
OUT   ?= runs/$(NAME)
SEEDS ?= 1 2 3
export DATA ROUNDS

field = $(shell awk -F '\t' '$$1 == "$(2)" { print $$$(3) }' $(HERE)$(1))
names = $(shell awk -F '\t' '!/^\#/ { print $$1 }' $(HERE)$(1))

override OUT := $(if $(filter /%,$(OUT)),$(OUT),$(TOP)/$(OUT))
override DATA := $(if $(DATA),$(if $(filter /%,$(DATA)),$(DATA),$(TOP)/$(DATA)))
$(foreach v,OUT DATA,$(if $(word 2,$($(v))),$(error $(v)=$($(v)): make takes no blanks in names: give $(v)= without)))

# What stands between is kept, and, unlike with .SECONDARY, made where it is missing.
.PRECIOUS: $(OUT)/rows/%
.PHONY: all clean FORCE
all:

$(OUT)/rows/%: FORCE
	@mkdir -p $(@D)
	@row=$$(awk -F '\t' -v name='$*' '$$1 == name' $(HERE)cases.tsv $(HERE)$(TABLE); echo 'ROUNDS=$(ROUNDS)'); \
		[ "$$row" = "$$(cat $@ 2>/dev/null)" ] || echo "$$row" >$@

clean:
	rm -rf $(OUT)
