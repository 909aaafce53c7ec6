/* pFedPG's network at the server: a descriptor of each client, and the prompts in common that it
 * attends to. */
#include "model/model.h"

struct params {
	int64_t clients, prompts, dim, key;
	int each;
};

static const struct fl_param table[] = {
	{ "clients", FL_P_INT, offsetof(struct params, clients), "10", 1, 1 << 24, NULL, "n",
	  "clients, numbered from 0" },
	{ "prompts", FL_P_INT, offsetof(struct params, prompts), "10", 1, 1 << 12, NULL, "n",
	  "prompts of a client" },
	{ "dim", FL_P_INT, offsetof(struct params, dim), "768", 1, 1 << 16, NULL, "n",
	  "numbers of a prompt" },
	{ "key", FL_P_INT, offsetof(struct params, key), "512", 1, 1 << 16, NULL, "n",
	  "numbers of queries, keys and values" },
	{ "each", FL_P_BOOL, offsetof(struct params, each), "off", 0, 0, NULL, NULL,
	  "a descriptor has a query for each prompt, not one for all" },
	{ 0 }
};

static int json(const void *block, struct fl_str *out, struct fl_err *e)
{
	const struct params *p = block;

	fl_str_addf(out, "{\"input\":[1],\"layers\":[{\"layer\":\"embedding\",\"name\":\"descriptor\","
	            "\"num\":%lld,\"dim\":%lld},{\"layer\":\"promptgen\",\"name\":\"prompts\","
	            "\"prompts\":%lld,\"dim\":%lld,\"key\":%lld}],\"loss\":\"mse\"}",
	            (long long)p->clients, (long long)(p->dim * (p->each ? p->prompts : 1)),
	            (long long)p->prompts, (long long)p->dim, (long long)p->key);
	return fl_str_check(out, e);
}

const struct fl_arch fl_arch_pfedpg = {
	.e = {
		.name = "pfedpg",
		.title = "Generator of clients' prompts",
		.cite = "Yang, Wang and Wang, ICCV 2023, arXiv 2308.15367 (pFedPG)",
		.doc = "a hypernetwork whose outputs are a client's prompts",
		.params = table,
		.psize = sizeof(struct params),
		.formula = "h(k)_j = P_j + W_o sum_i softmax_i(<W_q d_k, W_k P_i> / sqrt(key)) W_v P_i",
	},
	.json = json,
};
