/* Where data come from by name. A source is a file: digits.c, fashion-mnist.c. */
#ifndef FL_DATA_SOURCE_H
#define FL_DATA_SOURCE_H

#include "base/spec.h"
#include "tensor/tset.h"

struct fl_data_how;
struct fl_source {
	struct fl_entry e;
	/* Fills rec (empty) with a record of kind data that owns its tensors: x, y,
	 * metadata. Released by the caller, on failure too. */
	int (*read)(const void *p, struct fl_tset *rec, struct fl_err *e);
	/* The same of a table, whose words may need what the caller knows. One of the two. */
	int (*read_table)(const void *p, const struct fl_data_how *how, struct fl_tset *rec,
	                  struct fl_err *e);
};

extern const struct fl_entry *const fl_data_list[];
extern const struct fl_family fl_family_data;

/* Values of x that a source makes at most: 8 GiB, beyond which a mistaken size would
 * end the program rather than be named. */
#define FL_DATA_VALUES_MAX ((size_t)1 << 31)

/* The choices of "split" and the parameter that every source with one has. */
enum { FL_SPLIT_TRAIN, FL_SPLIT_TEST };
extern const char *const fl_split_name[];	/* by the above, NULL-terminated */
#define FL_PARAM_SPLIT(S) \
	{ "split", FL_P_ENUM, offsetof(S, split), "train", 0, 0, fl_split_name, "part", \
	  "which part of the set" }

/* The tensors x and y of an IDX pair (plain or gzip): x of U8 or F32 with any
 * shape, y of integers in one dimension. FL_EIO for a file that is not there. */
int fl_idx_pair(const char *images, const char *labels, struct fl_tset *rec, struct fl_err *e);

/* fl.scale: (v/div - mean)/std, one mean and std or one a channel. */
struct fl_scale {
	double div;
	size_t n;		/* channels: 1, or the length of mean and std */
	float *mean, *std;	/* (n) in the arena given */
};
/* JSON {"div":255,"mean":[...],"std":[...]}; NULL: inputs are as stored. FL_EDATA. */
int fl_scale_parse(struct fl_scale *s, const char *json, struct fl_arena *a, struct fl_err *e);
/* fl.fill, a JSON array of d numbers. FL_EDATA. */
int fl_fill_parse(float **fill, size_t d, const char *json, struct fl_arena *a,
                  struct fl_err *e);
/* What the two keys say where the figures are still to come. */
#define FL_SCALE_STANDARD "standard"
#define FL_FILL_MEAN "mean"
/* fl.scale of rec, and fl.fill where it waits for means, from the record in path: a
 * client's data, or the statistic of columns. FL_EDATA, FL_EIO. */
int fl_data_borrow(struct fl_tset *rec, const char *path, struct fl_err *e);

/* x (N,D...,C) of rec, where it has at least one such D, becomes (N,C,D...), in rec's
 * arena. FL_EDATA where there is no such x. */
int fl_data_channels_first(struct fl_tset *rec, struct fl_err *e);

struct fl_data;
struct fl_net;
/* Element i of a tensor of integers, of 64 bits beyond what a double holds. */
int64_t fl_data_integer(const struct fl_tensor *t, size_t i);
/* Reads fl.scale and fl.fill again, which have changed. */
int fl_data_rescale(struct fl_data *d, struct fl_err *e);
/* Opens and checks the record that d->rec, in index form, points to, into
 * d->source and d->keep_source. */
int fl_data_follow(struct fl_data *d, const char *dir, struct fl_err *e);

/* Data of parts, parts.c's part of data.h: the record's x.NAME and part, or text, image
 * and pairs, with every row that is used finite, and of pairs not zero; rows of examples;
 * the tensors of some of them, with the rows that occur; whether a net takes them. */
int fl_data_take_parts(struct fl_data *d, struct fl_err *e);
void fl_data_part_rows(const struct fl_data *d, const uint32_t *idx, size_t i0, size_t n,
                       float *out);
int fl_data_part_subset(const struct fl_data *d, const uint32_t *idx, size_t n,
                        struct fl_tset *out, struct fl_err *e);
int fl_data_fits_parts(const struct fl_data *d, const struct fl_net *net, struct fl_err *e);
/* Whether parts are a text and an image, and then the image of example i: its row, or
 * below 0 where it lacks one. */
int fl_data_is_pairs(const struct fl_data *d);
int64_t fl_data_part_group(const struct fl_data *d, size_t i);

#endif
