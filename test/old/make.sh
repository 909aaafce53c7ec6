#!/usr/bin/env bash
# Writes one file of every kind with the programs in $1, into this folder. The files
# here are of version 0.1.0, whose models were known by CRC-32 (fl.base of eight digits):
# they are read by every later version, and never made anew by a later one.
#   test/old/make.sh DIRECTORY-OF-PROGRAMS
set -euo pipefail
[ $# = 1 ] || { echo "usage: $0 directory-of-programs" >&2; exit 2; }
PATH=$(cd "$1" && pwd):$PATH
cd "$(dirname "$0")"
rm -rf -- *.safetensors *.sts *.gz *.txt clients index states personal history
tiny=synthetic:clients=3,dim=4,classes=3,mu=1,sigma=0.3,least=5
mlp=mlp:in=4,hidden=3,out=3

# Data: a file a client; rows of a source; a stream, packed.
fl-partition -d $tiny -k 3 -B natural -o clients --no-sync
st-cat --client=0 --one -o source.safetensors clients/*.safetensors
fl-partition -d source.safetensors -k 2 -B iid --index -o index --no-sync
fl-partition -d $tiny -k 3 -B natural -o - | gzip -9n >clients.sts.gz
rm clients/partition.json index/partition.json

# A round: models, updates (with measures and provenance), the server's state.
train() { fl-local-train --opt sgd:lr=0.1 -b 4 "$@"; }
fl-init -a $mlp -s 1 -o g0.safetensors
train -m g0.safetensors --measure loss0,gradnorm,loss -o u1.sts clients/*
fl-aggregate -n 3 -m g0.safetensors -S fedadam:lr=0.1 --state server.sts -o g1.safetensors u1.sts
train -m g1.safetensors -o u2.sts clients/*
cp server.sts server1.sts
fl-aggregate -n 3 -m g1.safetensors -S fedadam:lr=0.1 --state server1.sts -o g2.safetensors u2.sts
rm server1.sts
# Partials of the second round, and rows of a rule's state.
st-cat --client=0 u2.sts | fl-aggregate -m g1.safetensors --partial -o p0.sts
st-cat --client=1-2 u2.sts | fl-aggregate -m g1.safetensors --partial -o p1.sts
fl-aggregate -n 3 -m g1.safetensors -o mean2.safetensors u2.sts
fl-aggregate -n 3 -m g0.safetensors -R afl --state rows.sts -o afl1.safetensors u1.sts
# A model of the past, for a stale update.
mkdir history
cp g0.safetensors history/

# What methods add: extras in models and updates, clients' state, personal models.
train -m g0.safetensors -M scaffold --state states -o scaffold1.sts clients/*
fl-aggregate -n 3 -m g0.safetensors -o scaffold1.safetensors scaffold1.sts
cp -r states before
train -m scaffold1.safetensors -M scaffold --state states -o scaffold2.sts clients/*
rm -rf states
mv before states
train -m g0.safetensors -M fedcac --state fedcac -o fedcac1.sts clients/*
fl-aggregate -n 3 -m g0.safetensors -R fedcac -o personal fedcac1.sts
rm -rf fedcac

# Running statistics, which were once counted as parameters.
printf '%s' '{"input":[4],"layers":[{"layer":"batchnorm"},{"layer":"linear","out":3}]}' >norm.json
fl-init -a norm.json -s 1 -o norm0.safetensors
train -m norm0.safetensors -o norm1.sts clients/*
fl-aggregate -n 3 -m norm0.safetensors -o norm1.safetensors norm1.sts
rm norm.json

# Statistics, alone and pooled.
fl-stats -m g1.safetensors classmean -o means.sts clients/*
fl-aggregate -o mean.safetensors means.sts
fl-stats -m g1.safetensors gradient -o gradients.sts clients/*

# Embeddings, an adapter, its state, what it makes of texts.
fl-partition -d planted:pairs=24,dim=4 -k 1 -B iid -o pairs --no-sync
mv pairs/0000.safetensors pairs.safetensors
rm -r pairs
vlm-adapt -a asymvlm:hidden=4 --texts pairs.safetensors#text --images pairs.safetensors#image \
	--pairs pairs.safetensors#pairs -e 2 -b 8 --state adapter.sts -o adapter.safetensors
vlm-adapt --apply adapter.safetensors pairs.safetensors#text -o texts.safetensors
