/* Data sets inside the programs (generated from samples/). */
#ifndef FL_DATA_BLOB_H
#define FL_DATA_BLOB_H

extern const unsigned char fl_blob_digits[];	/* gzip of a stream: train, test */
extern const unsigned long fl_blob_digits_size;

#endif
