/* Element types: names, sizes, conversion to float and double. */
#include "tensor/dtype.h"

#include <stdint.h>
#include <string.h>

#include "base/num.h"

enum class { FLOAT, INTEGER, TRUTH, OTHER };

static const struct {
	const char *name;
	unsigned bits;
	enum class class;
} types[FL_NDTYPE] = {
	[FL_U64] = { "U64", 64, INTEGER },
	[FL_I64] = { "I64", 64, INTEGER },
	[FL_F64] = { "F64", 64, FLOAT },
	[FL_C64] = { "C64", 64, OTHER },
	[FL_F32] = { "F32", 32, FLOAT },
	[FL_U32] = { "U32", 32, INTEGER },
	[FL_I32] = { "I32", 32, INTEGER },
	[FL_BF16] = { "BF16", 16, FLOAT },
	[FL_F16] = { "F16", 16, FLOAT },
	[FL_U16] = { "U16", 16, INTEGER },
	[FL_I16] = { "I16", 16, INTEGER },
	[FL_F8_E5M2FNUZ] = { "F8_E5M2FNUZ", 8, OTHER },
	[FL_F8_E4M3FNUZ] = { "F8_E4M3FNUZ", 8, OTHER },
	[FL_F8_E8M0] = { "F8_E8M0", 8, OTHER },
	[FL_F8_E4M3] = { "F8_E4M3", 8, OTHER },
	[FL_F8_E5M2] = { "F8_E5M2", 8, OTHER },
	[FL_I8] = { "I8", 8, INTEGER },
	[FL_U8] = { "U8", 8, INTEGER },
	[FL_F6_E3M2] = { "F6_E3M2", 6, OTHER },
	[FL_F6_E2M3] = { "F6_E2M3", 6, OTHER },
	[FL_F4] = { "F4", 4, OTHER },
	[FL_BOOL] = { "BOOL", 8, TRUTH },
};

size_t fl_dtype_size(enum fl_dtype t)
{
	return (types[t].bits + 7) / 8;
}

int fl_dtype_bytes(enum fl_dtype t, size_t n, size_t *bytes)
{
	unsigned bits = types[t].bits;

	if (bits % 8 == 0)
		return fl_mul(n, bits / 8, bytes);
	if (fl_mul(n, bits, bytes) || *bytes % 8)
		return -1;
	*bytes /= 8;
	return 0;
}

const char *fl_dtype_name(enum fl_dtype t)
{
	return types[t].name;
}

int fl_dtype_parse(const char *s, enum fl_dtype *t)
{
	int i;

	for (i = 0; i < FL_NDTYPE; i++)
		if (!strcmp(s, types[i].name)) {
			*t = (enum fl_dtype)i;
			return 0;
		}
	return -1;
}

int fl_dtype_is_float(enum fl_dtype t)
{
	return types[t].class == FLOAT;
}

int fl_dtype_is_integer(enum fl_dtype t)
{
	return types[t].class == INTEGER;
}

int fl_dtype_is_number(enum fl_dtype t)
{
	return types[t].class != OTHER;
}

static float bf16_value(uint16_t h)
{
	uint32_t u = (uint32_t)h << 16;
	float f;

	memcpy(&f, &u, sizeof f);
	return f;
}

/* Moves the bits where F32 has them and corrects the exponent's bias by a
 * multiplication, which is exact and normalises subnormal halves. */
static float f16_value(uint16_t h)
{
	uint32_t u = (uint32_t)(h & 0x7fff) << 13;
	float f;

	memcpy(&f, &u, sizeof f);
	f *= 0x1p112f;
	memcpy(&u, &f, sizeof u);
	if (f >= 65536)			/* was infinite or not a number */
		u |= (uint32_t)0xff << 23;
	u |= (uint32_t)(h & 0x8000) << 16;
	memcpy(&f, &u, sizeof f);
	return f;
}

#define EACH(type, value) do { \
		const type *v = x; \
		for (i = 0; i < n; i++) \
			y[i] = value; \
	} while (0)

#define CONVERT(to) \
	size_t i; \
\
	switch (t) { \
	case FL_U64:  EACH(uint64_t, (to)v[i]); break; \
	case FL_I64:  EACH(int64_t, (to)v[i]); break; \
	case FL_F64:  EACH(double, (to)v[i]); break; \
	case FL_F32:  EACH(float, (to)v[i]); break; \
	case FL_U32:  EACH(uint32_t, (to)v[i]); break; \
	case FL_I32:  EACH(int32_t, (to)v[i]); break; \
	case FL_BF16: EACH(uint16_t, (to)bf16_value(v[i])); break; \
	case FL_F16:  EACH(uint16_t, (to)f16_value(v[i])); break; \
	case FL_U16:  EACH(uint16_t, (to)v[i]); break; \
	case FL_I16:  EACH(int16_t, (to)v[i]); break; \
	case FL_I8:   EACH(int8_t, (to)v[i]); break; \
	case FL_U8:   EACH(uint8_t, (to)v[i]); break; \
	case FL_BOOL: EACH(uint8_t, (to)(v[i] != 0)); break; \
	default: break; \
	}

void fl_dtype_to_f64(enum fl_dtype t, const void *x, double *y, size_t n)
{
	CONVERT(double)
}

void fl_dtype_to_f32(enum fl_dtype t, const void *x, float *y, size_t n)
{
	CONVERT(float)
}

/* Blocks without a branch inside, which the compiler turns into vectors; only a
 * block that holds one is searched. mask: the exponent, all ones where not finite. */
#define NONFINITE(type, mask) do { \
		const type *v = x; \
		for (; i < n; i += BLOCK) { \
			size_t end = n - i < BLOCK ? n : i + BLOCK, k; \
			type any = 0; \
			for (k = i; k < end; k++) \
				any |= (type)((v[k] & (mask)) == (mask)); \
			for (k = i; any && k < end; k++) \
				if ((v[k] & (mask)) == (mask)) \
					return k; \
		} \
	} while (0)

size_t fl_dtype_nonfinite(enum fl_dtype t, const void *x, size_t n)
{
	enum { BLOCK = 4096 };
	size_t i = 0;

	if (t == FL_F64)
		NONFINITE(uint64_t, UINT64_C(0x7ff0000000000000));
	else if (t == FL_F32)
		NONFINITE(uint32_t, UINT32_C(0x7f800000));
	else if (t == FL_BF16)
		NONFINITE(uint16_t, UINT16_C(0x7f80));
	else if (t == FL_F16)
		NONFINITE(uint16_t, UINT16_C(0x7c00));
	return n;
}
