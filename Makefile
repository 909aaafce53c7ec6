# fltools: GNU make, one flat file, output in build/. "make help" lists the targets: what
# follows ## beside one. Variables:
#   SAN=1      address and undefined-behaviour sanitizers, in build/san
#   OPENBLAS=  build without OpenBLAS, though it is there
#   V=1        show whole commands
#   PREFIX=/usr/local DESTDIR=   where make install puts things
#   TESTS="pattern ..."          make check and its like run these files alone

PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
MANDIR  ?= $(PREFIX)/share/man
COMPDIR ?= $(PREFIX)/share/bash-completion/completions

VERSION := 0.2.0
DATE    := November 30, 2026
CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wvla -Wformat=2 -Wundef -Werror
# -ffp-contract=off and no fast-math: results must not depend on the processor.
FIXED   := -std=c11 -D_POSIX_C_SOURCE=200809L -Ilib -pthread -MMD -MP $(WARN) \
	-ffp-contract=off -ftree-vectorize -fvect-cost-model=dynamic \
	-fno-math-errno -fstack-protector-strong -fno-plt -DFL_VERSION='"$(VERSION)"' -DFL_DATE='"$(DATE)"'
B       := build
ifdef SAN
B       := build/san
# gcc 12 sees overflows that are none in instrumented loops: no such warnings here.
FIXED   += -Wno-stringop-overflow -Wno-maybe-uninitialized -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DFL_SAN
LDFLAGS += -fsanitize=address,undefined
endif

# Tools hold the C library, too: a quarter of the time to start one. It stays
# position-independent. STATIC= links it at run time.
STATIC  ?= $(if $(SAN),,-static-pie)
LIBS    := -l:libjansson.a -l:libz.a -l:libsodium.a -lm -pthread
# An option: large products where FL_BLAS=openblas asks for it. The serial build: clients
# are the parallelism, and a BLAS with threads of its own keeps a processor busy waiting
# from the moment a program starts.
OPENBLAS ?= $(filter /%,$(shell $(CC) -print-file-name=openblas-serial/libopenblas.a 2>/dev/null))
# Programs that multiply matrices; the others do not pay for loading a BLAS.
BLAS_TOOLS := fl-local-train fl-eval fl-stats fl-distill vlm-adapt

SRC   := $(wildcard lib/*/*.c lib/fed/*/*.c)
TOOLS := $(patsubst tools/%.c,%,$(wildcard tools/*.c))
# Families: name, folder, C type, header. An entry is a file that defines
# fl_FAMILY_NAME; the file's name is the entry's (- for _).
FAMILIES := data augment by schedule shift opt metric rmetric unknown score arch layer loss method measure rule server stat distill reshape \
	interval test correction ranking format policy pace
DIR_data   := lib/data
DIR_augment := lib/augment
DIR_by     := lib/part
DIR_shift  := lib/shift
DIR_opt    := lib/optim
DIR_schedule := lib/optim
DIR_metric := lib/metric
DIR_rmetric := lib/metric
DIR_unknown := lib/metric
DIR_score  := lib/score
DIR_arch   := lib/model
DIR_layer  := lib/nn
DIR_loss   := lib/nn
DIR_method := lib/fed/client
DIR_measure := lib/fed/client
DIR_rule   := lib/fed/agg
DIR_server := lib/fed/server
DIR_stat   := lib/fed/stat
DIR_distill := lib/fed/distill
DIR_reshape := lib/reshape
DIR_interval := lib/table
DIR_test   := lib/table
DIR_correction := lib/table
DIR_ranking := lib/table
DIR_format := lib/table
DIR_policy := lib/policy
DIR_pace   := lib/policy
HDR_data   := data/source.h
HDR_augment := augment/augment.h
HDR_by     := part/part.h
HDR_shift  := shift/shift.h
HDR_opt    := optim/optim.h
HDR_schedule := optim/schedule.h
HDR_metric := metric/metric.h
HDR_rmetric := metric/rank.h
HDR_unknown := metric/unknown.h
HDR_score  := score/score.h
HDR_arch   := model/model.h
HDR_layer  := nn/layer.h
HDR_loss   := nn/layer.h
HDR_method := fed/client/client.h
HDR_measure := fed/client/measure.h
HDR_rule   := fed/agg/agg.h
HDR_server := fed/server/server.h
HDR_stat   := fed/stat/stat.h
HDR_distill := fed/distill/distill.h
HDR_reshape := reshape/reshape.h
HDR_interval := table/sample.h
HDR_test   := table/sample.h
HDR_correction := table/sample.h
HDR_ranking := table/ranking.h
HDR_format := table/grid.h
HDR_policy := policy/policy.h
HDR_pace   := policy/clock.h
# Lists made alike whose entries nobody gives by name.
INNER := fused
DIR_fused  := lib/nn
HDR_fused  := nn/fused.h
GEN := $(FAMILIES:%=$(B)/gen/%_list.c) $(INNER:%=$(B)/gen/%_list.c) $(B)/gen/known.c $(B)/gen/blob.c

OBJ   := $(SRC:%.c=$(B)/obj/%.o) $(GEN:$(B)/gen/%.c=$(B)/obj/gen/%.o)
BLASOBJ := $(B)/obj/blas/gemm.o
TESTC := $(wildcard test/unit/*.c test/kernel/*.c)
GRADC := $(wildcard test/grad/*.c)
TESTPROGS := $(TESTC:test/%.c=$(B)/test/%) $(GRADC:test/%.c=$(B)/test/%)
MAN1  := $(TOOLS:%=$(B)/man/%.1)
MAN_COPIED := $(wildcard man/*.5 man/*.7)
MAN57 := $(MAN_COPIED:%=$(B)/%) $(B)/man/fl-methods.7

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-4s %s\n' '$(1)' '$(patsubst $(B)/%,%,$@)')

.DELETE_ON_ERROR:
.SECONDARY:
# A suite of tests with packages of its own: test/NAME, and check-NAME in packages.txt.
SUITES := check-goldens check-blas
.PHONY: all tests help deps demo check $(SUITES) lint house bench man install uninstall clean FORCE

all: $(TOOLS:%=$(B)/bin/%) ## build the programs, into build/bin
	@:

help: ## print this list
	@awk -F ': .*## |: *## ' '/^[a-z-]+:.* ## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

# A change of flags rebuilds everything; one of OPENBLAS links anew.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(FIXED) $(CFLAGS) $(LDFLAGS) $(STATIC)' | cmp -s - $@ || \
		echo '$(CC) $(FIXED) $(CFLAGS) $(LDFLAGS) $(STATIC)' >$@
$(B)/openblas: FORCE
	@mkdir -p $(@D)
	@echo '$(OPENBLAS)' | cmp -s - $@ || echo '$(OPENBLAS)' >$@

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(FIXED) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

$(B)/obj/gen/%.o: $(B)/gen/%.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(FIXED) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

# The same gemm.c with OpenBLAS behind FL_BLAS, for BLAS_TOOLS.
$(B)/obj/blas/gemm.o: lib/kernel/gemm.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(FIXED) -DFL_WITH_OPENBLAS $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

# Registries. The folder is a prerequisite: adding or removing a file changes it.
define FAMILY_RULE
$(B)/gen/$(1)_list.c: $(DIR_$(1)) $(wildcard $(DIR_$(1))/*.c) tools/registry.sh
	@mkdir -p $$(@D)
	$$(call say,GEN)
	$$(Q)sh tools/registry.sh $(1) $(DIR_$(1)) $(HDR_$(1)) >$$@
endef
$(foreach f,$(FAMILIES) $(INNER),$(eval $(call FAMILY_RULE,$(f))))

# Every family and its folder, for the test of all entries.
$(B)/gen/families.h: Makefile
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q){ $(foreach f,$(FAMILIES),echo '#include "$(HDR_$(f))"';) \
		echo '#define FAMILIES \'; \
		$(foreach f,$(FAMILIES),echo '	{ &fl_family_$(f), "$(DIR_$(f))" }, \';) echo; } >$@
$(B)/test/unit/table: $(B)/gen/families.h

# Every entry by name, for messages: which tool and option take it; of several these.
KNOWN_FIRST := tools/fl-partition.c tools/fl-local-train.c
$(B)/gen/known.c: $(FAMILIES:%=$(B)/gen/%_list.c) $(SRC) $(wildcard tools/*.c) tools/known.sh
	$(call say,GEN)
	$(Q)sh tools/known.sh $(B)/gen $(KNOWN_FIRST) $(wildcard tools/*.c) $(SRC) >$@

# Data sets that travel inside the programs.
$(B)/gen/blob.c: samples/digits.safetensors.gz tools/blob.sh
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)sh tools/blob.sh digits samples/digits.safetensors.gz >$@

$(B)/libfl.a: $(OBJ)
	@rm -f $@
	$(call say,AR)
	$(Q)$(AR) rcsD $@ $^

$(BLAS_TOOLS:%=$(B)/bin/%): $(B)/openblas
ifneq ($(OPENBLAS),)
$(BLAS_TOOLS:%=$(B)/bin/%): $(BLASOBJ)
$(BLAS_TOOLS:%=$(B)/bin/%): EXTRA = $(BLASOBJ)
$(BLAS_TOOLS:%=$(B)/bin/%): EXTRALIBS = $(OPENBLAS) -lm
endif
$(B)/bin/%: $(B)/obj/tools/%.o $(B)/libfl.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) $(STATIC) -o $@ $< $(EXTRA) $(B)/libfl.a $(EXTRALIBS) $(LIBS)

$(B)/test/unit/%: test/unit/%.c test/tap.h $(B)/libfl.a $(B)/flags
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(FIXED) $(CFLAGS) -Itest -I$(B)/gen -o $@ $< $(B)/libfl.a $(LIBS) $(LDFLAGS)
$(B)/test/kernel/%: test/kernel/%.c test/tap.h $(B)/libfl.a $(B)/flags
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(FIXED) $(CFLAGS) -Itest -o $@ $< $(B)/libfl.a $(LIBS) $(LDFLAGS)

tests: $(TESTPROGS) ## build the programs of the tests, into build/test
	@:

# Gradient tests: lib/nn once more, in double.
NN64 := $(patsubst lib/nn/%.c,$(B)/obj64/%.o,$(wildcard lib/nn/*.c))
$(B)/obj64/%.o: lib/nn/%.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(FIXED) -DFL_REAL_DOUBLE $(CFLAGS) -c -o $@ $<
$(B)/test/grad/%: test/grad/%.c test/tap.h $(NN64) $(B)/libfl.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(FIXED) -DFL_REAL_DOUBLE $(CFLAGS) -Itest -o $@ $< $(NN64) $(B)/libfl.a $(LIBS) $(LDFLAGS)

man: $(MAN1) $(MAN57) ## make the manual pages, into build/man
	@:
$(B)/man/%.1: man/%.1.in $(B)/bin/%
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)$(B)/bin/$* --man <$< >$@
$(MAN_COPIED:%=$(B)/%): $(B)/man/%: man/%
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)cp $< $@
$(B)/man/fl-methods.7: man/fl-methods.7.in $(TOOLS:%=$(B)/bin/%) tools/methods.sh
	@mkdir -p $(@D)
	$(call say,GEN)
	$(Q)sh tools/methods.sh $(B)/bin <$< >$@

# Each target asks for its own packages alone. DEPS=: asks for none.
DEPS ?= CC='$(CC)' sh tools/deps.sh
FOR ?= demo check
deps: ## install what FOR="demo check" needs, or say what is lacking
	@$(DEPS) build $(FOR)
deps-%: FORCE
	@$(DEPS) build $*

demo: deps-demo ## train ten clients, draw two pictures
	@$(MAKE) --no-print-directory all
	@pipelines/demo/run

check: deps-check ## build and run the tests
	@$(MAKE) --no-print-directory all man tests
	@B=$(B) test/run

check-goldens: ## make golden values anew, with PyTorch and SciPy, and compare
check-blas: ## test FL_BLAS=openblas
$(SUITES): check-%: deps-check-%
	@$(MAKE) --no-print-directory all
	@B=$(B) SUITE=$* test/run

lint: deps-lint ## check the rules of the house
	@$(MAKE) --no-print-directory all man
	@B=$(B) SUITE=lint test/run

house: ## print sizes, names, copies: the figures of the house
	@sh tools/house.sh $(B)

bench: deps-bench ## compare with PyTorch, NumPy and FAISS; BENCH=step runs one workload
	@$(MAKE) --no-print-directory all
	@B=$(B) BENCH="$(BENCH)" pipelines/bench/run

install: all man ## install below PREFIX=/usr/local
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)/man1' '$(DESTDIR)$(MANDIR)/man5' \
		'$(DESTDIR)$(MANDIR)/man7' '$(DESTDIR)$(COMPDIR)'
	install -m 755 $(TOOLS:%=$(B)/bin/%) '$(DESTDIR)$(BINDIR)'
	install -m 644 $(MAN1) '$(DESTDIR)$(MANDIR)/man1'
	install -m 644 $(filter %.5,$(MAN57)) '$(DESTDIR)$(MANDIR)/man5'
	install -m 644 $(filter %.7,$(MAN57)) '$(DESTDIR)$(MANDIR)/man7'
	for t in $(TOOLS); do install -m 644 share/fl.bash '$(DESTDIR)$(COMPDIR)'/$$t; done

# Below PREFIX, folders that are empty then go too, but for those that every system has.
uninstall: ## remove what install put there
	for t in $(TOOLS); do rm -f '$(DESTDIR)$(BINDIR)'/$$t '$(DESTDIR)$(COMPDIR)'/$$t; done
	for m in $(MAN1) $(MAN57); do rm -f '$(DESTDIR)$(MANDIR)'/man$${m##*.}/$${m##*/}; done
	case '$(PREFIX)' in /usr | /usr/local) exit ;; esac; \
	for d in '$(MANDIR)/man1' '$(MANDIR)/man5' '$(MANDIR)/man7' '$(COMPDIR)' '$(BINDIR)'; do \
		while case $$d in '$(PREFIX)'*) rmdir "$(DESTDIR)$$d" 2>/dev/null ;; *) false ;; esac; \
			do d=$${d%/*}; done; \
	done

clean: ## remove build/
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
