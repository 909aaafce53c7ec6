/* Element types: names, sizes, conversion to float and double. */
#include "tensor/dtype.h"

#include <stdint.h>
#include <string.h>

static const struct {
	const char *name;
	size_t size;
} types[FL_NDTYPE] = {
	[FL_U64] = { "U64", 8 },   [FL_I64] = { "I64", 8 }, [FL_F64] = { "F64", 8 },
	[FL_F32] = { "F32", 4 },   [FL_U32] = { "U32", 4 }, [FL_I32] = { "I32", 4 },
	[FL_BF16] = { "BF16", 2 }, [FL_F16] = { "F16", 2 }, [FL_U16] = { "U16", 2 },
	[FL_I16] = { "I16", 2 },   [FL_I8] = { "I8", 1 },   [FL_U8] = { "U8", 1 },
	[FL_BOOL] = { "BOOL", 1 },
};

size_t fl_dtype_size(enum fl_dtype t)
{
	return types[t].size;
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
	return t == FL_F64 || t == FL_F32 || t == FL_BF16 || t == FL_F16;
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
	case FL_NDTYPE: break; \
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
