/* CRC-32 over zlib. */
#include "base/crc.h"

#include <zlib.h>

uint32_t fl_crc32(uint32_t crc, const void *p, size_t n)
{
	return (uint32_t)crc32_z(crc, p, n);
}
