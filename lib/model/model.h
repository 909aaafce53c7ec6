/* Architectures by name: parameters -> the JSON of nn/net.h. */
#ifndef FL_MODEL_MODEL_H
#define FL_MODEL_MODEL_H

#include "base/hash.h"
#include "base/spec.h"
#include "nn/net.h"

/* How the authors of an adapter train it on pairs: what vlm-adapt does unless told. */
struct fl_recipe {
	const char *opt;	/* "sgd:lr=0.01,momentum=0.9,wd=0.0005" */
	int64_t epochs, batch;
	double lr_end;		/* the rate falls to this, as half a cosine over all steps */
};

/* What an adapter of labelled images is fitted to. Rows are as they were given. */
struct fl_fit {
	size_t N, d, C;
	const float *image;	/* (N,d) */
	const int32_t *y;	/* (N) < C */
	const float *text;	/* (C,d) of the classes, or NULL */
	size_t M;		/* examples of the validation set, 0: none */
	const float *val_image;	/* (M,d) */
	const int32_t *val_y;	/* (M) */
	double scale;		/* of logits: 100 for CLIP */
	uint64_t seed;
	int threads;
};

struct fl_arch {
	struct fl_entry e;
	/* Appends the layer list. FL_EUSAGE: parameters that do not fit. */
	int (*json)(const void *p, struct fl_str *out, struct fl_err *e);
	const struct fl_recipe *recipe;	/* adapters trained on pairs; else NULL */
	/* Adapters of labelled images that are not trained by steps of the loss: fills the
	 * net's weights w(P). FL_EDATA where what it wants is not in f; log says what was
	 * chosen on the validation set. Others: NULL. */
	int (*fit)(const void *p, const struct fl_fit *f, const struct fl_net *net, fl_real *w,
	           struct fl_str *log, struct fl_err *e);
};

extern const struct fl_entry *const fl_arch_list[];
extern const struct fl_family fl_family_arch;

/* -a's argument or fl.arch: JSON text ('{' first), a spec of the arch family, or
 * (file = 1) the name of a JSON file. net->arch is the canonical text. */
int fl_model_net(struct fl_net *net, const char *arch, int file, struct fl_err *e);
/* The net of a model record, by its fl.arch. FL_ENUM where a running variance is
 * below 0. */
int fl_model_of(struct fl_net *net, const struct fl_tset *model, struct fl_err *e);

/* w(P) of a state_dict: the net's tensors by name and shape, and no others but those of
 * methods. A prefix that ends in '.' and stands before all names is passed over, and a
 * count of batches that is missing is 0. FL_EDATA with the tensor. */
int fl_model_weights(const struct fl_net *net, const struct fl_tset *s, fl_real *w,
                     struct fl_err *e);

/* -m's argument: a file, or a folder of personal models (NNNN.safetensors or
 * NNNN.sts by client; of several records the one of the highest round that holds
 * the plain tensors). Thread-safe after open. */
struct fl_models {
	const char *path;
	int folder;
	struct fl_tset one;		/* the model, where path is a file */
	char base[FL_HASH_TEXT];	/* its fl_base_text(); empty before fl_models_base() */
	int threads;
};
int fl_models_open(struct fl_models *m, const char *path, struct fl_err *e);
/* For callers that want to know models by name: after open, before get. */
int fl_models_base(struct fl_models *m, int threads, struct fl_err *e);
/* The model of a client: *out is filled (a copy the caller releases), and base, which may be
 * NULL. Where path is a file, every client has the same. */
int fl_models_get(const struct fl_models *m, int64_t client, struct fl_tset *out,
                  char base[FL_HASH_TEXT], struct fl_err *e);
/* Whose models a folder holds, ascending: (*n) in a. */
int64_t *fl_models_list(const struct fl_models *m, struct fl_arena *a, size_t *n,
                        struct fl_err *e);
void fl_models_release(struct fl_models *m);

#endif
