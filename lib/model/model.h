/* Architectures by name: parameters -> the JSON of nn/net.h. */
#ifndef FL_MODEL_MODEL_H
#define FL_MODEL_MODEL_H

#include "base/spec.h"
#include "nn/net.h"

struct fl_arch {
	struct fl_entry e;
	/* Appends the layer list. FL_EUSAGE: parameters that do not fit. */
	int (*json)(const void *p, struct fl_str *out, struct fl_err *e);
};

extern const struct fl_entry *const fl_arch_list[];
extern const struct fl_family fl_family_arch;

/* -a's argument or fl.arch: JSON text ('{' first), a spec of the arch family, or
 * (file = 1) the name of a JSON file. net->arch is the canonical text. */
int fl_model_net(struct fl_net *net, const char *arch, int file, struct fl_err *e);
/* The net of a model record, by its fl.arch. */
int fl_model_of(struct fl_net *net, const struct fl_tset *model, struct fl_err *e);

/* -m's argument: a file, or a folder of personal models (NNNN.safetensors or
 * NNNN.sts by client; of several records the one of the highest round that holds
 * the plain tensors). Thread-safe after open. */
struct fl_models {
	const char *path;
	int folder;
	struct fl_tset one;		/* the model, where path is a file */
	char base[9];
};
int fl_models_open(struct fl_models *m, const char *path, struct fl_err *e);
/* The model of a client: *out is filled (a copy the caller releases) and
 * base[9] set. Where path is a file, every client has the same. */
int fl_models_get(const struct fl_models *m, int64_t client, struct fl_tset *out, char base[9],
                  struct fl_err *e);
void fl_models_release(struct fl_models *m);

#endif
