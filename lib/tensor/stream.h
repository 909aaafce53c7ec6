/* Records on descriptors and files: the next one, end records counted, gzip
 * undone, files mapped. Does not know what records mean. */
#ifndef FL_TENSOR_STREAM_H
#define FL_TENSOR_STREAM_H

#include "base/io.h"
#include "tensor/tset.h"

struct fl_stream;	/* opaque */

/* One input: path, or "-" for standard input. A plain regular file is mapped
 * read-only (its records are views, nothing is copied); pipes and gzip are read
 * into a buffer that grows as data arrive, never from a promised size.
 * FL_EUSAGE if standard input is a terminal. Caller closes. */
struct fl_stream *fl_stream_open(const char *path, struct fl_err *e);
/* The same, but leaves the tensors of a plain file in the file, which stays open: their data
 * are NULL until fl_stream_bind(), and pread() gets them. That is cheaper where each byte is
 * looked at once, because mapping a page costs more than copying it. Other inputs are as
 * above. */
struct fl_stream *fl_stream_open_apart(const char *path, struct fl_err *e);
/* The same over bytes in memory (not copied; may be gzip), for embedded data. */
struct fl_stream *fl_stream_mem(const void *p, size_t n, const char *name, struct fl_err *e);
void fl_stream_close(struct fl_stream *s);
/* From the next record on, headers alone: tensors have data NULL, and the bytes
 * of the buffers are passed over without being kept (or, where the input is
 * mapped, touched). */
void fl_stream_scan(struct fl_stream *s);

/* Where the buffer of the last record begins in an input whose data stay apart, and the
 * descriptor to read them from; -1 for other inputs. */
int fl_stream_apart(const struct fl_stream *s, unsigned long long *at);
/* Maps such an input after all: gives the tensors of the record whose buffer begins there
 * their data. Leaves others as they are. */
int fl_stream_bind(struct fl_stream *s, unsigned long long at, struct fl_tset *rec, struct fl_err *e);

/* The next record that is not an end record: 1; end of input: 0; malformed,
 * truncated, or an end record whose fl.count is wrong: -1 (FL_EDATA with record
 * number and byte offset, prefixed by the name of the input).
 * rec is released and refilled; its tensors are views that live until the next
 * call on s, or, where the input is mapped (or its data stay apart), until close. */
int fl_stream_next(struct fl_stream *s, struct fl_tset *rec, struct fl_err *e);

/* Facts about what was read so far. */
int fl_stream_mapped(const struct fl_stream *s);	/* or apart: records outlive the next call */
int fl_stream_maps(const struct fl_stream *s, const void *p);	/* p lies in the mapped file */
/* The descriptor of the mapped file that p lies in, open as long as s, and p's place in
 * it; 0: there is none. */
int fl_stream_file(const struct fl_stream *s, const void *p, size_t *at);
int fl_stream_ended(const struct fl_stream *s);		/* last record seen was an end record */
unsigned long long fl_stream_count(const struct fl_stream *s);	/* records, ends not counted */
unsigned long long fl_stream_offset(const struct fl_stream *s);	/* byte offset of the last record */
const char *fl_stream_name(const struct fl_stream *s);

/* All inputs of a tool, one after the other. Standard input (no paths, or "-")
 * must end with an end record unless expect >= 0. After the last record, checks
 * --expect: anything but expect records is FL_EDATA; no record at all is FL_EDATA
 * unless allow_empty. Zero-initialise, set the first four members. */
struct fl_inputs {
	const char *const *path;	/* (n); n = 0 means standard input */
	size_t n;
	long long expect;		/* -1: not given */
	int allow_empty;
	size_t next;
	unsigned long long count;
	struct fl_stream *cur;
	int keep;			/* set: mapped inputs stay open until release */
	size_t apart;			/* with keep: how many of them at a time are opened apart */
	struct fl_stream **kept;
	size_t nkept, keptcap;
	int scan;			/* set: headers alone, see fl_stream_scan */
};
int fl_inputs_next(struct fl_inputs *in, struct fl_tset *rec, struct fl_err *e);
/* Name of the current (or last) input, for messages. */
const char *fl_inputs_name(const struct fl_inputs *in);
void fl_inputs_release(struct fl_inputs *in);

/* Writing. A record is header and tensors' data; sorts s. */
int fl_stream_write(struct fl_out *o, struct fl_tset *s, struct fl_err *e);
int fl_stream_write_end(struct fl_out *o, unsigned long long count, struct fl_err *e);
/* One record replaces path whole; sync as in fl_out_open(). */
int fl_stream_save(const char *path, struct fl_tset *s, int sync, struct fl_err *e);
/* The one record of a file (or of standard input, where exactly one record is
 * read and none follows): deep copy, caller releases. kind < 0: any; otherwise
 * another kind is FL_EDATA. */
int fl_stream_load(const char *path, int kind, struct fl_tset *rec, struct fl_err *e);

#endif
