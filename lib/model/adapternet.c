/* Towers of adapters as JSON. */
#include "model/adapternet.h"

void fl_tower_open(const struct fl_tower *t, struct fl_str *out)
{
	fl_str_addf(out, "{\"input\":[%lld],\"layers\":[", 2 * (long long)t->dim);
}

void fl_tower_slice(const struct fl_tower *t, int64_t at, struct fl_str *out)
{
	fl_str_addf(out, "{\"layer\":\"slice\",\"begin\":%lld,\"size\":%lld}",
	            (long long)(at * t->dim), (long long)t->dim);
}

void fl_tower_mlp(const struct fl_tower *t, const char *prefix, int64_t outputs, int zero,
                  struct fl_str *out)
{
	for (int i = 0; i < 6; i += 2)
		fl_str_addf(out, "{\"layer\":\"linear\",\"name\":\"%s%d\",\"out\":%lld},"
		            "{\"layer\":\"relu\"},", prefix, i, (long long)t->hidden);
	fl_str_addf(out, "{\"layer\":\"linear\",\"name\":\"%s6\",\"out\":%lld%s}", prefix,
	            (long long)outputs, zero ? ",\"init\":\"zero\"" : "");
}

void fl_tower_unit(const struct fl_tower *t, struct fl_str *out)
{
	fl_str_add(out, "{\"layer\":\"concat\",\"body\":[");
	fl_tower_slice(t, 0, out);
	fl_str_add(out, ",{\"layer\":\"unit\"}],\"shortcut\":[");
	fl_tower_slice(t, 1, out);
	fl_str_add(out, ",{\"layer\":\"unit\"}]}");
}

void fl_tower_logvar(const struct fl_tower *t, const char *name, int64_t at, const char *more,
                     struct fl_str *out)
{
	fl_str_addf(out, "{\"layer\":\"concat\",\"name\":\"%s\",\"body\":[", name);
	fl_tower_slice(t, at, out);
	fl_str_addc(out, ',');
	fl_tower_mlp(t, "logvar.", t->dim, 0, out);
	fl_str_addf(out, "%s]}", more);
}

static const char *const score_name[] = { "cosine", "csd", NULL };

const struct fl_param fl_logvars_params[] = {
	FL_TOWER_PARAMS(struct fl_logvars),
	{ "score", FL_P_ENUM, offsetof(struct fl_logvars, score), "cosine", 0, 0, score_name, "name",
	  "comparison afterwards: cosine, as published, or csd" },
	{ 0 }
};

int fl_logvars_json(const struct fl_logvars *p, const char *extra, const char *loss,
                    struct fl_str *out, struct fl_err *e)
{
	const struct fl_tower *t = &p->tower;

	fl_tower_open(t, out);
	fl_tower_unit(t, out);
	fl_str_addc(out, ',');
	fl_tower_logvar(t, "txt_enc", 0, "", out);
	fl_str_addc(out, ',');
	fl_tower_logvar(t, "img_enc", 2, "", out);
	fl_str_addf(out, "%s],\"loss\":\"%s:score=%s\"}", extra, loss, score_name[p->score]);
	return fl_str_check(out, e);
}
