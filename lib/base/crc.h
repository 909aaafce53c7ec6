/* CRC-32 (zlib's): a guard against accidents, not attackers. */
#ifndef FL_BASE_CRC_H
#define FL_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Continues crc (0 to start) over n bytes. */
uint32_t fl_crc32(uint32_t crc, const void *p, size_t n);

#endif
