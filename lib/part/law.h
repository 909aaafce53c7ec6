/* Laws of client sizes. */
#ifndef FL_PART_LAW_H
#define FL_PART_LAW_H

#include "part/part.h"

struct fl_law {
	int law;
	double sigma, beta, power;
	int64_t min_size, max_tries;
};

extern const char *const fl_law_name[];
#define FL_PARAMS_LAW(S, m, DEF) \
	{ "law", FL_P_ENUM, offsetof(S, m.law), DEF, 0, 0, fl_law_name, "name", \
	  "size of client k = 1..K, up to scale" }, \
	{ "sigma", FL_P_REAL, offsetof(S, m.sigma), "1", 0, 20, NULL, "x", \
	  "lognormal: standard deviation of the logarithm" }, \
	{ "beta", FL_P_REAL, offsetof(S, m.beta), "0.5", 1e-6, 1e6, NULL, "x", \
	  "dirichlet: concentration of the sizes" }, \
	{ "power", FL_P_REAL, offsetof(S, m.power), "1", 1e-6, 100, NULL, "x", \
	  "power, zipf: the exponent" }, \
	{ "min_size", FL_P_INT, offsetof(S, m.min_size), "1", 1, 4e9, NULL, "n", \
	  "draw again while a client has fewer examples" }, \
	{ "max_tries", FL_P_INT, offsetof(S, m.max_tries), "1000", 1, 1e6, NULL, "n", \
	  "give up after so many draws" }
#define FL_LAW_FORMULA \
	"n_k = floor(N u_k / sum u), the rest to the largest; u_k = 1 (equal), k (linear), " \
	"k^2 (square), e^k (exp), e^(sigma z) (lognormal), Dir(beta)_k (dirichlet), " \
	"U^(1/power) (power), k^-power (zipf)"

/* size(K), which sums to N. Sets s->tries. FL_EDATA with the smallest client
 * where one stays below min_size. */
int fl_part_law(const struct fl_law *p, const char *scheme, struct fl_part *s, size_t *size,
                struct fl_err *e);

#endif
