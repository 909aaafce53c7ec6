/* A labelled data set in memory or mapped: examples, labels, how stored values
 * become inputs. Sources in, records and batches out; knows no clients' methods. */
#ifndef FL_DATA_DATA_H
#define FL_DATA_DATA_H

#include <stdint.h>

#include "data/groupname.h"
#include "tensor/meta.h"
#include "tensor/stream.h"

#define FL_DATA_LACKS UINT32_MAX
#define FL_CLASSES_MAX 1000000	/* more are a label that is no class */

struct fl_data {
	struct fl_tset rec;		/* as a record of kind data: x, y, id, metadata */
	struct fl_tset source;		/* index form: the record whose rows are meant */
	const struct fl_tensor *x;	/* (rows, ...) U8 or F32; other types as F32 */
	const struct fl_tensor *labels;	/* (rows) integer, or NULL: none has one */
	const struct fl_tensor *target;	/* (rows, T) of floats, or NULL */
	/* Several parts an example in place of x, side by side in the order of nn/parts.h:
	 * rows of floats, and the row of each in an example. One that it lacks is NaN. x is
	 * NULL; labels may be, then all are class 0. */
	struct fl_data_part {
		const char *name;
		const struct fl_tensor *t;	/* (rows, ...) */
		size_t d, at;			/* values of a row; the first of them in an example */
	} *part;			/* (M) */
	size_t M;
	uint32_t *part_row;		/* (N,M); FL_DATA_LACKS */
	size_t lacking;			/* examples that lack a part */
	size_t N, d;			/* examples; stored values an example */
	size_t first;			/* row of x of example 0, where row is NULL */
	const uint32_t *row;		/* (N) rows of x, or NULL: first + i. Index form */
	int32_t *y;			/* (N) classes, all < C; -1: not labelled */
	size_t unlabelled;		/* how many are -1 */
	size_t C;			/* classes: fl.classes, or 1 + the largest label */
	int64_t client;			/* fl.client, -1 where there is none */
	struct fl_groupname *called;	/* (ncalled) what groups are called */
	size_t ncalled;
	/* fl.fill: what stands for values that are missing, NaN in x: (d), or NULL */
	const float *fill;
	/* fl.scale: (v/div - mean[c])/std[c], channel c = first of x's dims */
	int scaled;			/* 0: there is none, values are inputs as they are */
	double div;
	size_t channels;
	float *mean, *std;		/* (channels) */
	float (*lut)[256];		/* (channels) for U8 */
	/* fl.scale "standard", fl.fill "mean": both wait for fl_data_settle() */
	int standard, filled, settled;
	const char *name;		/* for messages */
	/* Owned: what the tensors of rec and source are views of. rec's is NULL where
	 * they lie in its arena or in a stream of the caller's. */
	struct fl_stream *keep, *keep_source;
	struct fl_arena arena;
};

/* -d's argument: a source of the family data, "-" or a file of one data record
 * (plain or gzip), an .npz with x and y, or a pair "images,labels" of IDX files
 * (plain or .gz) or of .npy files. A file whose
 * name is that of a source is reached as ./NAME. FL_EUSAGE for an unknown name,
 * FL_EDATA for bad content, FL_EIO for a file that is not there. */
struct fl_data_how {
	const char *scale;		/* JSON that overrides fl.scale, or "standard", or NULL */
	const char *scale_from;		/* a record that has fl.scale and fl.fill, or columns; NULL */
	const struct fl_names *names;	/* a model's, for words that tables label with; NULL */
	int channels_last;		/* x is (N,...,C) in the source, (N,C,...) then */
};
int fl_data_open(struct fl_data *d, const char *source, const struct fl_data_how *how,
                 struct fl_err *e);
/* From a record of kind data, or of none but with x and y, or with x.NAME and part (N,M)
 * integers, or with text, image and pairs (P,2) integers (moved in: rec is
 * emptied, on failure too). Its tensors' data stay where they are, so they must
 * outlive d. dir: folder against which fl.source of the index form is resolved,
 * NULL: the working folder. Checks every label, the shapes, and that F32 values
 * are finite. */
int fl_data_take(struct fl_data *d, struct fl_tset *rec, const char *dir, const char *name,
                 struct fl_err *e);
void fl_data_release(struct fl_data *d);
/* Where d waits for them, fl.scale and fl.fill by the means and deviations of the columns
 * of x in the examples i with use[i], all where use is NULL: for good, or until it is
 * called with others. FL_EDATA where a column has no value to stand for missing ones. */
int fl_data_settle(struct fl_data *d, const unsigned char *use, struct fl_err *e);

/* out(n, T): targets of examples idx(n), or i0.. where idx is NULL. */
void fl_data_targets(const struct fl_data *d, const uint32_t *idx, size_t i0, size_t n,
                     float *out);
/* out(n, d) = scaled inputs of examples idx(n) (NULL: i0, i0+1, ...), y_out(n)
 * (may be NULL). Computed in float, as (v/div - mean)/std. */
void fl_data_batch(const struct fl_data *d, const uint32_t *idx, size_t i0, size_t n,
                   float *out, int32_t *y_out);
/* Record of kind data with examples idx(n) of d: copies of x and y, the metadata,
 * fl.client, id (d's own, or the row of x as I64), and group where d has one, with the
 * names of those that occur. */
int fl_data_subset(const struct fl_data *d, const uint32_t *idx, size_t n, int64_t client,
                   struct fl_tset *out, struct fl_err *e);
/* The same, but x has no data yet; fl_data_write() writes such a record with the
 * rows of x taken from where they are, without a copy. */
int fl_data_frame(const struct fl_data *d, const uint32_t *idx, size_t n, int64_t client,
                  struct fl_tset *out, struct fl_err *e);
int fl_data_write(const struct fl_data *d, const uint32_t *idx, size_t n, struct fl_tset *rec,
                  struct fl_out *o, struct fl_err *e);
/* The same in index form: rows of the record in the file source (a path as
 * fl.source holds it), whose buffer has that hash. */
int fl_data_index(const struct fl_data *d, const uint32_t *idx, size_t n, int64_t client,
                  const char *source, const char *hash, struct fl_tset *out, struct fl_err *e);
/* Leaves rows of parts out that no example of a record of parts has. */
int fl_data_trim(struct fl_tset *rec, const char *name, struct fl_err *e);
/* What a group is called, or NULL. */
const char *fl_data_called(const struct fl_data *d, int64_t group);
/* The natural id of every example, (N) in a: tensor "group", or of a text and an image the image, or
 * tensor "id", or NULL. */
int fl_data_group(const struct fl_data *d, struct fl_arena *a, int64_t **group, struct fl_err *e);
/* Of a record's buffer as it lies in the file it was read from: BLAKE2b-256, and the
 * CRC-32 in 8 hex digits that records of before version 0.2 have instead. */
void fl_data_hash(const struct fl_tset *rec, char text[FL_HASH_TEXT]);
void fl_data_crc(const struct fl_tset *rec, char text[FL_BASE_CRC]);

/* fl.labels, or NULL. */
const char *fl_data_labels(const struct fl_data *d);
/* The metadata key "split" (train, test), which is ours to write and not the
 * format's; NULL where there is none. */
const char *fl_data_split(const struct fl_data *d);
/* fl.name: what the client's group is called, such as a hospital's name; or NULL. */
const char *fl_data_name(const struct fl_data *d);

struct fl_net;
/* A word, once in a process, where bytes without a scale are inputs of net: not where its
 * first layer takes any. net NULL: of data that are pictures, whatever they are for. */
void fl_data_warn_raw(const struct fl_data *d, const struct fl_net *net);
/* A net's input shape must have d values, and the same dimensions where examples have as
 * many of them (dimensions of 1 aside, unless their number is the same with them); its loss
 * want as many targets as there are (0: those there are do not matter): FL_EDATA with both
 * shapes. Warns as the above. */
int fl_data_fits(const struct fl_data *d, const struct fl_net *net, size_t classes,
                 size_t targets, struct fl_err *e);
/* For losses: FL_EDATA with the first example that lacks a part which the tap compares; tap ntap:
 * any tap of some weight. */
int fl_data_fits_tap(const struct fl_data *d, const struct fl_net *net, size_t tap,
                     struct fl_err *e);
/* For training and measuring by class: FL_EDATA with the first row without a label. */
int fl_data_labelled(const struct fl_data *d, struct fl_err *e);

#endif
