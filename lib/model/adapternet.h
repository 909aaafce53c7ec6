/* What architectures of adapters share: towers over halves of a pair's row (text then
 * image, dim numbers each), and the recipes they were published with. */
#ifndef FL_MODEL_ADAPTERNET_H
#define FL_MODEL_ADAPTERNET_H

#include "model/model.h"

/* Parameters every adapter begins with. */
struct fl_tower {
	int64_t dim, hidden;
};
#define FL_TOWER_PARAMS(S)                                                              \
	{ "dim", FL_P_INT, offsetof(S, tower.dim), "512", 2, 1 << 16, NULL, "n",        \
	  "width of the embeddings" },                                                  \
	{ "hidden", FL_P_INT, offsetof(S, tower.hidden), "1024", 1, 1 << 16, NULL, "n", \
	  "width of the three hidden layers" }

/* Log variances of texts and of images, whose directions stay: PCME++, ProLIP. */
struct fl_logvars {
	struct fl_tower tower;
	int score;
};
extern const struct fl_param fl_logvars_params[];
/* "{"input":[2 dim],"layers":[...], EXTRA "],"loss":"LOSS:score=...\"}"; extra: layers
 * behind, each after a comma, or "". */
int fl_logvars_json(const struct fl_logvars *p, const char *extra, const char *loss,
                    struct fl_str *out, struct fl_err *e);

/* "{"input":[2 dim],"layers":[". */
void fl_tower_open(const struct fl_tower *t, struct fl_str *out);
/* A slice layer over dim numbers from place at, in units of dim. */
void fl_tower_slice(const struct fl_tower *t, int64_t at, struct fl_str *out);
/* Linear layers PREFIX0, 2 and 4 of hidden and 6 of `outputs` numbers, relus between;
 * zero: the last begins as zero. */
void fl_tower_mlp(const struct fl_tower *t, const char *prefix, int64_t outputs, int zero,
                  struct fl_str *out);
/* Both halves as unit vectors, the first layer of a net. */
void fl_tower_unit(const struct fl_tower *t, struct fl_str *out);
/* A block NAME that puts the mlp logvar over the part at `at` before all there is;
 * more: layers behind it, or "". */
void fl_tower_logvar(const struct fl_tower *t, const char *name, int64_t at, const char *more,
                     struct fl_str *out);

#endif
