/* The safetensors header: verdicts of the reference reader, and bytes of the
 * reference writer. Verdicts follow safetensors 0.6 (Rust); where ours differ,
 * the case says "ours". */
#include "tap.h"

#include <stdint.h>

#include "tensor/st.h"

#define T(dtype, shape, b, e) "{\"dtype\":\"" dtype "\",\"shape\":" shape \
	",\"data_offsets\":[" #b "," #e "]}"

static const struct {
	const char *what, *json;
	const char *refuse;	/* in the message; NULL: accepted */
	size_t buffer;
} cases[] = {
	{ "empty set", "{}", NULL, 0 },
	{ "leading and trailing blanks", " \t\r\n{} \n\r\t", NULL, 0 },
	{ "one tensor", "{\"a\":" T("F32", "[2,2]", 0, 16) "}", NULL, 16 },
	{ "scalar", "{\"a\":" T("F64", "[]", 0, 8) "}", NULL, 8 },
	{ "zero dimension", "{\"a\":" T("F64", "[3,0]", 0, 0) "}", NULL, 0 },
	{ "only an empty tensor", "{\"a\":" T("U8", "[0]", 0, 0) "}", NULL, 0 },
	{ "two empty tensors at one place", "{\"a\":" T("U8", "[0]", 0, 0) ",\"b\":" T("F32", "[0]", 0, 0) "}", NULL, 0 },
	{ "an empty tensor before a full one", "{\"a\":" T("U8", "[4]", 0, 4) ",\"b\":" T("F32", "[0]", 0, 0) "}", NULL, 4 },
	{ "an empty tensor between", "{\"a\":" T("U8", "[4]", 0, 4) ",\"b\":" T("F32", "[0]", 4, 4)
	  ",\"c\":" T("U8", "[4]", 4, 8) "}", NULL, 8 },
	{ "names in any order", "{\"b\":" T("U8", "[1]", 1, 2) ",\"a\":" T("U8", "[1]", 0, 1) "}", NULL, 2 },
	{ "members in any order", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,1],\"dtype\":\"I8\"}}", NULL, 1 },
	{ "unknown member of a tensor", "{\"a\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1],\"more\":{}}}", NULL, 1 },
	{ "blanks inside", "{ \"a\" : { \"dtype\" : \"I8\", \"shape\" : [ 1 ], \"data_offsets\" : [ 0 , 1 ] } }", NULL, 1 },
	{ "empty name", "{\"\":" T("U8", "[1]", 0, 1) "}", NULL, 1 },
	{ "escaped name", "{\"\\u00e9\\n\":" T("U8", "[1]", 0, 1) "}", NULL, 1 },
	{ "surrogate pair", "{\"\\ud83d\\ude00\":" T("U8", "[1]", 0, 1) "}", NULL, 1 },
	{ "empty metadata", "{\"__metadata__\":{}}", NULL, 0 },
	{ "null metadata", "{\"__metadata__\":null}", NULL, 0 },
	{ "metadata", "{\"__metadata__\":{\"b\":\"1\",\"a\":\"\"}}", NULL, 0 },
	{ "metadata last", "{\"a\":" T("U8", "[1]", 0, 1) ",\"__metadata__\":{\"format\":\"pt\"}}", NULL, 1 },
	{ "BOOL", "{\"a\":" T("BOOL", "[1]", 0, 1) "}", NULL, 1 },
	{ "U16", "{\"a\":" T("U16", "[1]", 0, 2) "}", NULL, 2 },
	{ "BF16", "{\"a\":" T("BF16", "[1]", 0, 2) "}", NULL, 2 },
	{ "U64", "{\"a\":" T("U64", "[1]", 0, 8) "}", NULL, 8 },

	{ "nothing", "", "header: byte", 0 },
	{ "no JSON", "hello", "header: byte", 0 },
	{ "a JSON array", "[]", "not a JSON object", 0 },
	{ "a JSON number", "1", "header: byte", 0 },
	{ "unfinished", "{\"a\":", "header: byte", 0 },
	{ "two objects", "{}{}", "header: byte 3", 0 },
	{ "byte order mark", "\xef\xbb\xbf{}", "header: byte", 0 },
	{ "vertical tab", "\v{}", "header: byte", 0 },
	{ "trailing comma", "{\"__metadata__\":{},}", "header: byte", 0 },
	{ "invalid UTF-8 in a name", "{\"\xff\":" T("U8", "[1]", 0, 1) "}", "header: byte", 0 },
	{ "overlong UTF-8", "{\"\xc0\xaf\":" T("U8", "[1]", 0, 1) "}", "header: byte", 0 },
	{ "invalid UTF-8 in metadata", "{\"__metadata__\":{\"a\":\"\x80\"}}", "header: byte", 0 },
	{ "lone surrogate", "{\"\\ud800\":" T("U8", "[1]", 0, 1) "}", "header: byte", 0 },
	{ "raw newline in a name", "{\"\n\":" T("U8", "[1]", 0, 1) "}", "header: byte", 0 },
	{ "hole at the start", "{\"a\":" T("U8", "[1]", 1, 2) "}", "hole", 0 },
	{ "hole in the middle", "{\"a\":" T("U8", "[1]", 0, 1) ",\"b\":" T("U8", "[1]", 2, 3) "}", "hole", 0 },
	{ "overlap", "{\"a\":" T("U8", "[2]", 0, 2) ",\"b\":" T("U8", "[2]", 1, 3) "}", "overlap", 0 },
	{ "shared data", "{\"a\":" T("U8", "[2]", 0, 2) ",\"b\":" T("U8", "[2]", 0, 2) "}", "overlap", 0 },
	{ "an empty tensor inside another", "{\"a\":" T("U8", "[4]", 0, 4) ",\"b\":" T("U8", "[0]", 2, 2) "}", "overlap", 0 },
	{ "backwards", "{\"a\":" T("U8", "[1]", 1, 0) "}", "backwards", 0 },
	{ "size below the shape", "{\"a\":" T("F32", "[2]", 0, 4) "}", "want 8 bytes", 0 },
	{ "size above the shape", "{\"a\":" T("F32", "[2]", 0, 16) "}", "want 8 bytes", 0 },
	{ "shape overflows", "{\"a\":" T("U8", "[4294967296,4294967296]", 0, 0) "}", "too large", 0 },
	{ "shape overflows before a zero", "{\"a\":" T("U8", "[4294967296,4294967296,0]", 0, 0) "}", "too large", 0 },
	{ "zero before an overflow is none", "{\"a\":" T("U8", "[0,4294967296,4294967296]", 0, 0) "}", NULL, 0 },
	{ "bytes overflow", "{\"a\":" T("F64", "[4611686018427387904]", 0, 0) "}", "too large", 0 },
	{ "negative dimension", "{\"a\":" T("U8", "[-1]", 0, 1) "}", "dimension 0", 0 },
	{ "real dimension", "{\"a\":" T("U8", "[1.0]", 0, 1) "}", "dimension 0", 0 },
	{ "text dimension", "{\"a\":" T("U8", "[\"1\"]", 0, 1) "}", "dimension 0", 0 },
	{ "exponent in an offset", "{\"a\":" T("U8", "[1]", 0, 1e0) "}", "data_offsets", 0 },
	{ "negative offset", "{\"a\":" T("U8", "[1]", -1, 0) "}", "data_offsets", 0 },
	{ "leading zero", "{\"a\":" T("U8", "[1]", 00, 1) "}", "header: byte", 0 },
	{ "number beyond 64 bits", "{\"a\":" T("U8", "[99999999999999999999]", 0, 1) "}", "header: byte", 0 },
	{ "offset beyond 64 bits", "{\"a\":" T("U8", "[1]", 0, 18446744073709551616) "}", "header: byte", 0 },
	{ "one offset", "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0]}}", "data_offsets", 0 },
	{ "three offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0,0]}}", "data_offsets", 0 },
	{ "no offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[0]}}", "data_offsets", 0 },
	{ "no dtype", "{\"a\":{\"shape\":[0],\"data_offsets\":[0,0]}}", "dtype", 0 },
	{ "no shape", "{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,0]}}", "shape", 0 },
	{ "shape is a number", "{\"a\":" T("U8", "1", 0, 1) "}", "shape", 0 },
	{ "shape is null", "{\"a\":" T("U8", "null", 0, 1) "}", "shape", 0 },
	{ "lower-case dtype", "{\"a\":" T("u8", "[1]", 0, 1) "}", "dtype 'u8'", 0 },
	{ "numeric dtype", "{\"a\":{\"dtype\":1,\"shape\":[0],\"data_offsets\":[0,0]}}", "dtype", 0 },
	{ "a tensor that is a string", "{\"a\":\"b\"}", "not a JSON object", 0 },
	{ "a tensor that is null", "{\"a\":null}", "not a JSON object", 0 },
	{ "metadata that is a string", "{\"__metadata__\":\"a\"}", "__metadata__", 0 },
	{ "metadata that is an array", "{\"__metadata__\":[]}", "__metadata__", 0 },
	{ "number in metadata", "{\"__metadata__\":{\"a\":1}}", "'a' is not a string", 0 },
	{ "null in metadata", "{\"__metadata__\":{\"a\":null}}", "'a' is not a string", 0 },
	{ "object in metadata", "{\"__metadata__\":{\"a\":{}}}", "'a' is not a string", 0 },
	{ "metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", "duplicate", 0 },
	{ "dtype twice", "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", "duplicate", 0 },

	{ "ours: a name twice", "{\"a\":" T("U8", "[0]", 0, 0) ",\"a\":" T("U8", "[0]", 0, 0) "}", "duplicate", 0 },
	{ "ours: a name twice, once escaped", "{\"a\":" T("U8", "[0]", 0, 0) ",\"\\u0061\":" T("U8", "[0]", 0, 0) "}", "duplicate", 0 },
	{ "ours: a metadata key twice", "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", "duplicate", 0 },
	{ "ours: NUL in a name", "{\"a\\u0000b\":" T("U8", "[1]", 0, 1) "}", "header: byte", 0 },
	{ "ours: NUL in metadata", "{\"__metadata__\":{\"a\":\"\\u0000\"}}", "header: byte", 0 },
	{ "F8_E4M3", "{\"a\":" T("F8_E4M3", "[3]", 0, 3) "}", NULL, 3 },
	{ "F6_E2M3", "{\"a\":" T("F6_E2M3", "[2,2]", 0, 3) "}", NULL, 3 },
	{ "F6_E3M2 that ends within a byte", "{\"a\":" T("F6_E3M2", "[3]", 0, 2) "}", "F6_E3M2 end within a byte", 0 },
	{ "F4", "{\"a\":" T("F4", "[4]", 0, 2) "}", NULL, 2 },
	{ "F4 that ends within a byte", "{\"a\":" T("F4", "[3]", 0, 2) "}", "F4 end within a byte", 0 },
	{ "C64", "{\"a\":" T("C64", "[1]", 0, 8) "}", NULL, 8 },
	{ "a type that nobody knows", "{\"a\":" T("F9", "[1]", 0, 1) "}", "dtype 'F9'", 0 },
	{ "ours: a tensor as an array", "{\"a\":[\"U8\",[1],[0,1]]}", "not a JSON object", 0 },
	{ "ours: 33 dimensions", "{\"a\":" T("U8", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", 0, 1) "}",
	  "33 dimensions, limit 32", 0 },
};

static void test_verdicts(void)
{
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fl_tset s = { .t = NULL };
		struct fl_err e = { 0 };
		size_t buffer = 99;
		int rc = fl_st_parse(&s, cases[i].json, strlen(cases[i].json), &buffer, &e);

		if (!cases[i].refuse)
			ok(!rc && buffer == cases[i].buffer, "accepts %s %s", cases[i].what, e.msg);
		else
			ok(rc == -1 && e.code == FL_EDATA && strstr(e.msg, cases[i].refuse) && !s.nt,
			   "refuses %s (%s)", cases[i].what, e.msg);
		fl_tset_release(&s);
	}
}

static void test_nul(void)
{
	static const char padded[] = "{}\0\0\0\0\0";
	struct fl_tset s = { .t = NULL };
	struct fl_err e = { 0 };
	size_t buffer;

	ok(fl_st_parse(&s, padded, sizeof padded, &buffer, &e) == -1 && e.code == FL_EDATA,
	   "refuses a header padded with NUL");
}

static void test_limits(void)
{
	struct fl_tset s = { .t = NULL };
	struct fl_str json = FL_STR_INIT;
	struct fl_err e = { 0 };
	size_t buffer;
	unsigned i;

	fl_str_add(&json, "{\"");
	for (i = 0; i <= FL_ST_NAME_MAX; i++)
		fl_str_addc(&json, 'n');
	fl_str_add(&json, "\":" T("U8", "[1]", 0, 1) "}");
	ok(fl_st_parse(&s, json.s, json.len, &buffer, &e) && strstr(e.msg, "4097"), "refuses a name of 4097 bytes");
	fl_str_clear(&json);
	fl_str_addc(&json, '{');
	/* The order of the names is the worst for the index. */
	for (i = FL_ST_TENSORS_MAX + 2; i; i--)
		fl_str_addf(&json, "\"%06u\":" T("U8", "[0]", 0, 0) "%s", i, i > 1 ? "," : "}");
	ok(fl_st_parse(&s, json.s, json.len, &buffer, &e) && strstr(e.msg, "limit 100000"),
	   "refuses 100002 tensors");
	fl_str_release(&json);
}

static void test_order(void)
{
	static const char json[] = "{\"z\":" T("U8", "[1]", 0, 1) ",\"a\":" T("U8", "[2]", 1, 3)
		",\"m\":" T("F32", "[]", 3, 7) "}";
	unsigned char data[7] = { 1, 2, 3 };
	struct fl_tset s = { .t = NULL };
	size_t buffer;

	fl_st_parse(&s, json, strlen(json), &buffer, NULL);
	fl_st_bind(&s, data);
	ok(s.nt == 3 && !strcmp(s.t[0].name, "z") && !strcmp(s.t[2].name, "m"), "tensors come in buffer order");
	ok(s.t[0].data == data && s.t[1].data == data + 1 && s.t[2].data == data + 3, "and are bound to it");
	fl_tset_release(&s);
}

/* Expected text: what serde_json prints, padded so that 8+N is a multiple of 8. */
static void test_header(void)
{
	static const char want[] =
		"{\"__metadata__\":{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\",\"b\":\"\"},"
		"\"w\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
		"\"@m/w\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[8,16]},"
		"\"b\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[16,16]},"
		"\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[16,19]}}";
	struct fl_tset s = { .t = NULL };
	struct fl_str out = FL_STR_INIT;
	size_t three = 3, none = 0, two[2] = { 2, 1 }, n;

	fl_meta_set(&s, "b", "", NULL);
	fl_meta_set(&s, "a", "\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9", NULL);
	fl_tset_add(&s, "a", FL_U8, 1, &three, NULL, NULL);
	fl_tset_add(&s, "b", FL_F32, 1, &none, NULL, NULL);
	fl_tset_add(&s, "@m/w", FL_F32, 2, two, NULL, NULL);
	fl_tset_add(&s, "w", FL_I64, 0, NULL, NULL, NULL);
	is_int(fl_st_header(&s, &out, NULL), 0, "a header is written");
	ok(out.len % 8 == 0, "its length is a multiple of 8");
	n = (unsigned char)out.s[0] | (size_t)(unsigned char)out.s[1] << 8;
	is_int((long long)n, (long long)out.len - 8, "which its first bytes say");
	ok(n >= strlen(want) && n < strlen(want) + 8, "padding is less than 8 bytes");
	for (n = out.len; out.s[n - 1] == ' '; n--)
		;
	out.s[n] = '\0';
	is_str(out.s + 8, want, "as the reference writer prints it");
	fl_str_release(&out);
	fl_tset_release(&s);

	fl_st_header(&s, &out, NULL);
	ok(out.len == 16 && !memcmp(out.s, "\x08\0\0\0\0\0\0\0{}      ", 16), "an empty set");
	fl_str_release(&out);
}

static void test_unwritable(void)
{
	static const char *const bad[] = { "\x80", "a\xff", "\xc3", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80",
		"\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82" };
	static const char *const good[] = { "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xef\xbf\xbf",
		"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf" };
	struct fl_str out = FL_STR_INIT;
	struct fl_tset s = { .t = NULL };
	struct fl_err e = { 0 };
	size_t i, refused = 0, written = 0;

	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		fl_meta_set(&s, "fl.arch", bad[i], NULL);
		refused += fl_st_header(&s, &out, &e) == -1 && e.code == FL_EDATA && strstr(e.msg, "UTF-8");
	}
	is_int((long long)refused, sizeof bad / sizeof *bad, "text that is not UTF-8 is not written");
	for (i = 0; i < sizeof good / sizeof *good; i++) {
		fl_meta_set(&s, "fl.arch", good[i], NULL);
		written += !fl_st_header(&s, &out, &e);
	}
	is_int((long long)written, sizeof good / sizeof *good, "the edges of UTF-8 are");
	fl_tset_add(&s, "__metadata__", FL_U8, 0, NULL, NULL, NULL);
	is_int(fl_st_header(&s, &out, &e), -1, "a tensor named __metadata__ is not written");
	fl_str_release(&out);
	fl_tset_release(&s);
}

int main(void)
{
	test_verdicts();
	test_nul();
	test_limits();
	test_order();
	test_header();
	test_unwritable();
	return tap_done();
}
