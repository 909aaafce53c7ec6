/* Classes described by texts, any number each: which text is of which class, and the
 * one direction they make of a class. */
#ifndef FL_DATA_CLASSES_H
#define FL_DATA_CLASSES_H

#include "data/embed.h"

struct fl_classes {
	size_t C;
	const size_t *first;		/* (C+1) texts of class c: row[first[c]]... */
	const uint32_t *row;		/* (first[C]) */
	const char *const *name;	/* (C), or NULL */
	struct fl_arena arena;
};

/* source: "rows": every text is a class; "label": its label is; "each:C": C classes
 * in the same order again and again, text i of class i mod C; or a JSON file,
 * {"class": [text rows]} with a number or a name (then classes are numbered in the
 * file's order), one row without the brackets. NULL: "label" where texts have labels,
 * else "rows". FL_EDATA for a class without a text, a text given twice for one, and
 * rows that are not there. */
int fl_classes_open(struct fl_classes *c, const char *source, const struct fl_embeds *texts,
                    struct fl_err *e);
void fl_classes_release(struct fl_classes *c);

/* Unit vectors w(C,d) = sum_t k_t e_t / |e_t| over the texts of a class, scaled to
 * length 1; k(N) weights of texts, NULL: all 1; those of a class whose weights are all 0
 * weigh the same. Sums in double. kappa(C), which may be NULL: the length of
 * sum_t k_t e_t / |e_t| over the number of texts. FL_EDATA where the texts of a class
 * cancel out. */
int fl_classes_directions(const struct fl_classes *c, const struct fl_embeds *texts,
                          const double *k, float *w, double *kappa, struct fl_err *e);

#endif
