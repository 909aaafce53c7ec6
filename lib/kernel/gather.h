/* Rows of bytes as numbers: how a batch of images is put together. */
#ifndef FL_KERNEL_GATHER_H
#define FL_KERNEL_GATHER_H

#include <stddef.h>
#include <stdint.h>

/* y(n,d): row i is row[i] of x(*,d), each byte replaced by its entry of the table. */
void fl_gather_u8(const uint8_t *x, const uint32_t *row, const float table[256],
                  float *y, size_t n, size_t d);

#endif
