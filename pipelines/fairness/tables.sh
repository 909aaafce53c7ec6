# shellcheck shell=bash
# Sourced by run and split: rows of cases.tsv and methods.tsv, and data by name.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=pipelines/study.sh
. "$here/../study.sh"

# Sets data clients scheme pick test arch train work work_even rounds of the case $1.
# shellcheck disable=SC2034
read_case() {
	local fields
	fields=$(row cases.tsv "$1")
	IFS=$'\t' read -r _ data clients scheme pick test arch train work work_even rounds _ <<<"$fields"
	rounds=${ROUNDS:-$rounds}
}

# idx NAME: images,labels of $DATA whose names begin so, gzipped IDX files.
idx() {
	[ -n "${DATA:-}" ] || die "this case wants DATA, a folder with fl/$1*-images-*-ubyte.gz"
	local images=("$DATA/fl/$1"*-images-*-ubyte.gz) labels=("$DATA/fl/$1"*-labels-*-ubyte.gz)
	if [ ! -e "${images[0]}" ] || [ ! -e "${labels[0]}" ]; then
		die "$DATA/fl has no $1*-{images,labels}-*-ubyte.gz"
	fi
	echo "${images[0]},${labels[0]}"
}

# Sets source, options of fl-partition, to the training set of the data $1.
# shellcheck disable=SC2034
source_of() {
	case $1 in
	fashion) source=(-d fashion-mnist) ;;
	digits) source=(-d digits) ;;
	mnist) source=(-d "$(idx mnist-train)" --scale '{"div":255,"mean":[0.1307],"std":[0.3081]}') ;;
	cifar10) source=(-d "$(idx cifar10-train)" --scale '{"div":255}') ;;
	*) die "no data $1" ;;
	esac
}
