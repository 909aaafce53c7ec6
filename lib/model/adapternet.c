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
