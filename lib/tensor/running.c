/* Running statistics, by name. */
#include "tensor/running.h"

#include <string.h>

#define VARIANCE "running_var"

static const char *last_component(const char *name)
{
	const char *end = name + strlen(name);

	while (end > name && !strchr("./", end[-1]))
		end--;
	return end;
}

int fl_name_is_running(const char *name)
{
	static const char *const names[] = { "running_mean", VARIANCE, "num_batches_tracked" };
	const char *last = last_component(name);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(last, names[i]))
			return 1;
	return 0;
}

int fl_name_is_variance(const char *name)
{
	return !strcmp(last_component(name), VARIANCE);
}

int fl_tensor_is_running(const struct fl_tensor *t)
{
	return !fl_tensor_is_extra(t) && fl_name_is_running(t->name);
}

static int check_variance(const struct fl_tensor *t, struct fl_err *e)
{
	size_t size = fl_dtype_size(t->dtype);
	double v;

	for (size_t i = 0; i < t->n; i++) {
		fl_dtype_to_f64(t->dtype, (const char *)t->data + i * size, &v, 1);
		if (v < 0)
			return fl_fail(e, FL_ENUM, "tensor '%s': element %zu is %g, but no variance is "
			               "below 0", t->name, i, v);
	}
	return 0;
}

int fl_running_check(const struct fl_tset *model, const char *prefix, struct fl_err *e)
{
	size_t n = strlen(prefix);

	for (size_t i = 0; i < model->nt; i++) {
		const struct fl_tensor *t = &model->t[i];

		if (!strncmp(t->name, prefix, n) && t->name[n] != '@' && fl_name_is_variance(t->name) &&
		    fl_dtype_is_number(t->dtype) && check_variance(t, e))
			return -1;
	}
	return 0;
}
