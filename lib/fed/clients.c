/* A folder with a record a client. */
#include "fed/clients.h"

#include "base/str.h"
#include "tensor/meta.h"
#include "tensor/stream.h"

/* A folder of records may hold other files, too. */
static int any(const char *name)
{
	(void)name;
	return 1;
}

int fl_clients_open(struct fl_dir *d, const char *path, struct fl_err *e)
{
	return fl_dir_open(d, path, any, NULL, NULL, e);
}

int fl_clients_add(const struct fl_dir *d, struct fl_tset *rec, struct fl_err *e)
{
	struct fl_out out = { .fd = -1 };
	int64_t client;
	const char *name;
	int rc = -1;

	if (fl_meta_need_i64(rec, "fl.client", &client, e) < 0)
		return -1;
	name = fl_arena_fmt(&rec->arena, e, "%04lld.safetensors", (long long)client);
	if (name && !fl_dir_create(d, name, &out, e) && !fl_stream_write(&out, rec, e))
		rc = fl_out_commit(&out, e);
	fl_out_abort(&out);
	return rc;
}

int fl_clients_commit(struct fl_dir *d, int sync, struct fl_err *e)
{
	return fl_dir_keep(d, e) || fl_dir_commit(d, sync, e) ? -1 : 0;
}

int fl_clients_save(const char *path, struct fl_tset *rec, size_t n, int sync, struct fl_err *e)
{
	struct fl_dir d;
	int rc = fl_clients_open(&d, path, e);

	for (size_t k = 0; !rc && k < n; k++)
		rc = fl_clients_add(&d, &rec[k], e);
	if (!rc)
		rc = fl_clients_commit(&d, sync, e);
	fl_dir_abort(&d);
	return rc;
}
