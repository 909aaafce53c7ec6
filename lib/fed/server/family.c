/* The family of server optimisers; its list is generated from the files here. */
#include "fed/server/server.h"

/* What its table says of rules and state. */
static void note(const struct fl_entry *en, struct fl_str *out)
{
	const struct fl_server *s = (const struct fl_server *)(const void *)en;

	if (s->vec[0] || s->scalar[0] || (s->fold && s->fold->nrow))
		fl_str_add(out, "; keeps state");
	if (s->fold)
		fl_str_add(out, "; no rule beside it");
}

const struct fl_family fl_family_server = {
	.name = "server", .list = fl_server_list, .doc = "what the combined update does to the model",
	.note = note,
};
