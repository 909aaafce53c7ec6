/* Next-character model of the LEAF benchmark: 80 characters in, the next out. */
#include "model/model.h"

struct shakespeare {
	int64_t vocab, length, hidden;
};

static const struct fl_param params[] = {
	{ "vocab", FL_P_INT, offsetof(struct shakespeare, vocab), "80", 2, 1 << 20, NULL, "n",
	  "characters told apart" },
	{ "length", FL_P_INT, offsetof(struct shakespeare, length), "80", 1, 1 << 16, NULL, "n",
	  "characters of an example" },
	{ "hidden", FL_P_INT, offsetof(struct shakespeare, hidden), "256", 1, 1 << 16, NULL, "n",
	  "size of each state" },
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct shakespeare *p = block;

	fl_str_addf(out, "{\"input\":[%lld],\"layers\":["
	            "{\"layer\":\"embedding\",\"name\":\"embedding\",\"num\":%lld,\"dim\":8},",
	            (long long)p->length, (long long)p->vocab);
	for (int level = 0; level < 2; level++)
		fl_str_addf(out, "{\"layer\":\"lstm\",\"name\":\"lstm\",\"hidden\":%lld,\"level\":%d,"
		            "\"last\":%s},", (long long)p->hidden, level, level ? "true" : "false");
	fl_str_addf(out, "{\"layer\":\"linear\",\"name\":\"fc\",\"out\":%lld}]}", (long long)p->vocab);
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_shakespeare_lstm = {
	.e = {
		.name = "shakespeare-lstm",
		.title = "Character LSTM of LEAF",
		.cite = "Caldas et al., arXiv 1812.01097",
		.doc = "embedding of 8, two LSTM levels of 256, the next character",
		.params = params,
		.psize = sizeof(struct shakespeare),
		.formula = "z = W lstm_2(lstm_1(E[x])) at the last character, + b",
	},
	.json = json,
};
