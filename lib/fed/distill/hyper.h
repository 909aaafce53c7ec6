/* A hypernetwork: a net whose input is a client's number, looked up in an embedding, and whose
 * outputs are tensors of that client's model, one behind the other as records hold them. */
#ifndef FL_FED_DISTILL_HYPER_H
#define FL_FED_DISTILL_HYPER_H

#include "base/param.h"
#include "nn/net.h"
#include "tensor/tset.h"

struct fl_hyper {
	const struct fl_net *net;
	const char *tensors;	/* which: globs joined by '+' */
	size_t clients;		/* that it knows: 0, 1, ... */
};

/* The row of a parameter table for them. */
#define FL_HYPER_PARAM(type, member) { "tensors", FL_P_STR, offsetof(type, member), "*", 0, 0, NULL, \
	"glob[+glob]", "tensors of clients' models that it makes" }

/* How many numbers a net knows whose input is one number that an embedding looks up. what: "a
 * client's number", for the message. FL_EDATA where it is no such net. */
int fl_numbered_rows(const struct fl_net *net, const char *what, size_t *rows, struct fl_err *e);
/* FL_EDATA where net is none. */
int fl_hyper_of(struct fl_hyper *h, const struct fl_net *net, const char *tensors, struct fl_err *e);
/* FL_EDATA where h does not know the client, or what it makes is not what the client's net has
 * of those tensors. */
int fl_hyper_fits(const struct fl_hyper *h, const struct fl_net *of, int64_t client,
                  struct fl_err *e);
/* v(h->net->classes) <- those tensors of a record by fl_net_export(). */
void fl_hyper_take(const struct fl_hyper *h, const struct fl_net *of, const struct fl_tset *rec,
                   fl_real *v);
/* Back, into a model of F32: FL_EDATA where a tensor is another. */
int fl_hyper_put(const struct fl_hyper *h, const struct fl_net *of, const fl_real *v,
                 struct fl_tset *rec, struct fl_err *e);

#endif
