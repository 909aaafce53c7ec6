/* Weights that another program saved, under the names of an architecture or with a prefix
 * before all of them, as wrappers of models put it ("module." of DataParallel). */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "model/model.h"

/* A number of batches: files written before PyTorch counted them have none. */
static int is_counter(const struct fl_net_param *p)
{
	return p->kind == FL_RUNNING && !p->ndim;
}

static const struct fl_net_param *find_param(const struct fl_net *net, const char *name)
{
	for (size_t k = 0; k < net->nparam; k++)
		if (!strcmp(net->param[k].name, name))
			return &net->param[k];
	return NULL;
}

/* Bytes of name before that of the net's first parameter, which ends it; 0: none. */
static size_t prefix_length(const struct fl_net *net, const char *name)
{
	const char *first = net->nparam ? net->param[0].name : "";
	size_t n = strlen(name), m = strlen(first);

	return m && n > m + 1 && name[n - m - 1] == '.' && !strcmp(name + n - m, first) ? n - m : 0;
}

/* What stands before every tensor's name and is no part of the net's: allocated. */
static char *common_prefix(const struct fl_net *net, const struct fl_tset *s, struct fl_err *e)
{
	const char *from = "";
	size_t n = 0;
	char *out;

	for (size_t i = 0; i < s->nt && !n; i++)
		n = prefix_length(net, from = s->t[i].name);
	for (size_t i = 0; i < s->nt && n; i++)
		if (!fl_tensor_is_extra(&s->t[i]) && strncmp(s->t[i].name, from, n))
			n = 0;
	if (!(out = strndup(from, n)))
		fl_fail_mem(e, n);
	return out;
}

static int none_of_them(const struct fl_net *net, const char *name, struct fl_err *e)
{
	struct fl_str has = FL_STR_INIT;

	for (size_t k = 0; k < net->nparam && k < 4; k++)
		fl_str_addf(&has, "%s%s", k ? ", " : "", net->param[k].name);
	fl_fail(e, FL_EDATA, "tensor '%s' is none of the architecture's, which has %s%s", name,
	        fl_str_c(&has), net->nparam > 4 ? ", ..." : "");
	fl_str_release(&has);
	return -1;
}

/* Every tensor of s is one of the net's, and the other way round. */
static int check_names(const struct fl_net *net, const struct fl_tset *s, const char *prefix,
                       struct fl_err *e)
{
	struct fl_str name = FL_STR_INIT;
	int rc = 0;

	for (size_t i = 0; i < s->nt; i++)
		if (!fl_tensor_is_extra(&s->t[i]) && !find_param(net, s->t[i].name + strlen(prefix)))
			return none_of_them(net, s->t[i].name, e);
	for (size_t k = 0; k < net->nparam && !rc; k++) {
		fl_str_clear(&name);
		fl_str_addf(&name, "%s%s", prefix, net->param[k].name);
		if (!(rc = fl_str_check(&name, e)) && !is_counter(&net->param[k]) &&
		    !fl_tset_find(s, fl_str_c(&name)))
			rc = fl_fail(e, FL_EDATA, "tensor '%s' is missing", fl_str_c(&name));
	}
	fl_str_release(&name);
	return rc;
}

int fl_model_weights(const struct fl_net *net, const struct fl_tset *s, fl_real *w,
                     struct fl_err *e)
{
	char *prefix = common_prefix(net, s, e);
	int rc = -1;

	if (!prefix)
		return -1;
	if (*prefix)
		fl_say(FL_LOG_INFO, "names are read without '%s', which all of them begin with", prefix);
	memset(w, 0, net->P * sizeof *w);
	if (!check_names(net, s, prefix, e))
		rc = fl_net_import(net, s, prefix, FL_ABSENT_KEEP, w, e);
	free(prefix);
	return rc;
}
