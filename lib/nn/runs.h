/* Loops over short rows, cut into runs whose length the compiler knows. */
#ifndef FL_NN_RUNS_H
#define FL_NN_RUNS_H

/* run(..., count) for i from 0 to n in steps of count, a constant unless n is below 4:
 * the last run goes over some numbers once more, which must change nothing. */
#define FL_RUNS(i, n, run, ...)                         \
	do {                                            \
		size_t i = 0;                           \
		for (; i + 16 <= (n); i += 16)          \
			run(__VA_ARGS__, 16);           \
		for (; i + 8 <= (n); i += 8)            \
			run(__VA_ARGS__, 8);            \
		for (; i + 4 <= (n); i += 4)            \
			run(__VA_ARGS__, 4);            \
		if (i < (n) && (n) >= 4) {              \
			i = (n) - 4;                    \
			run(__VA_ARGS__, 4);            \
		} else if (i < (n)) {                   \
			run(__VA_ARGS__, (n) - i);      \
		}                                       \
	} while (0)

#endif
