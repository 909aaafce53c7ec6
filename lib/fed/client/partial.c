/* A part of the model is a client's own, or does not train: by tensors' names.
 *   private=0.*       LG-FedAvg: representations of one's own, a shared head
 *   private=2.*       FedPer: a shared body, a head of one's own
 *   ..., first=10     FedRep: the head trains first, alone; then the body, alone
 *   train=0.*         FedBABU: the head stays as it began
 *   train=*bias       BitFit; train=*lora_B FFA-LoRA
 * Private tensors begin as the model first received and are kept as state; those that do not
 * train stay as they are. Neither is sent. */
#include "base/glob.h"
#include "fed/client/client.h"

struct partial {
	const char *own, *train;
	int64_t first;
};

static const struct fl_param params[] = {
	{ "private", FL_P_STR, offsetof(struct partial, own), NULL, 0, 0, NULL, "glob[+glob]",
	  "tensors that are the client's own; not set, none" },
	{ "train", FL_P_STR, offsetof(struct partial, train), "*", 0, 0, NULL, "glob[+glob]",
	  "tensors that train; private ones do whatever this says" },
	{ "first", FL_P_INT, offsetof(struct partial, first), NULL, 0, 1e9, NULL, "n",
	  "epochs of private tensors alone, before others alone; not set, together" },
	{ 0 }
};

static enum fl_role role(const void *pp, const char *tensor)
{
	const struct partial *p = pp;

	if (fl_glob_match(p->own, tensor))
		return FL_ROLE_PRIVATE;
	return fl_glob_match(p->train, tensor) ? FL_ROLE_SHARED : FL_ROLE_FROZEN;
}

static int keeps(const void *p)
{
	return ((const struct partial *)p)->own != NULL;
}

static const char *tensor_name(const void *net, size_t i)
{
	const struct fl_net *n = net;

	return i < n->nparam ? n->param[i].name : NULL;
}

/* That each glob names a tensor. */
static int check_globs(const struct fl_net *net, const char *key, const char *list, struct fl_err *e)
{
	return fl_glob_check(key, list, tensor_name, net, "tensor of the model; st-ls lists them", e) ?
	       fl_fail_in(e, "method partial") : 0;
}

static int begin(struct fl_local *l, struct fl_err *e)
{
	const struct partial *p = l->p;

	if (p->first != FL_UNSET && !p->own)
		return fl_fail(e, FL_EUSAGE, "method partial: first=%lld wants private tensors",
		               (long long)p->first);
	return check_globs(l->net, "private", p->own, e) || check_globs(l->net, "train", p->train, e) ?
	       -1 : 0;
}

/* Runs the phase with what has that role, and nothing else. */
static int run_alone(struct fl_local *l, struct fl_phase *ph, enum fl_role what, struct fl_err *e)
{
	unsigned char *role_of = fl_arena_get(l->arena, l->net->nparam, 1, e);

	if (!role_of)
		return -1;
	for (size_t i = 0; i < l->net->nparam; i++)
		role_of[i] = l->role && l->role[i] == what ? (unsigned char)what : FL_ROLE_FROZEN;
	ph->role = role_of;
	return fl_local_run(l, ph, e);
}

static int train(struct fl_local *l, struct fl_err *e)
{
	const struct partial *p = l->p;
	struct fl_phase all = fl_local_phase(l), own = all;

	own.id = 1;
	own.epochs = p->first;
	own.steps = FL_UNSET;
	if (p->first == FL_UNSET ? fl_local_run(l, &all, e) :
	    run_alone(l, &own, FL_ROLE_PRIVATE, e) || run_alone(l, &all, FL_ROLE_SHARED, e))
		return -1;
	l->steps = all.taken;
	return 0;
}

const struct fl_method fl_method_partial = {
	.e = {
		.name = "partial",
		.title = "Partial models: FedPer, FedRep, LG-FedAvg, FedBABU",
		.cite = "Arivazhagan et al., 2019, arXiv 1912.00818; Collins et al., ICML 2021, arXiv "
			"2102.07078; Liang et al., 2020, arXiv 2001.01523; Oh et al., ICLR 2022, arXiv 2106.06042",
		.doc = "some tensors are the client's own, some do not train",
		.params = params,
		.psize = sizeof(struct partial),
		.formula = "private: w_k -= lr grad F_k, kept; train: shared w -= lr grad F_k, sent; others stay",
	},
	.keeps = keeps,
	.role = role,
	.begin = begin,
	.train = train,
};
