/* What was retrieved, as text and as arrays. */
#ifndef FL_RETRIEVE_WRITE_H
#define FL_RETRIEVE_WRITE_H

#include "base/io.h"
#include "index/answers.h"
#include "retrieve/retrieve.h"

/* What vlm-retrieve prints: hits (unless no_hits, or none were asked for), of both directions
 * with both, then what was measured, where there is a truth. */
int fl_retrieved_write(const struct fl_retrieved *r, const struct fl_retrieve *how,
                       enum fl_answer_format format, int no_hits, struct fl_out *o,
                       struct fl_err *e);

/* {"query id": [gallery ids]} */
int fl_retrieved_write_ranking(const struct fl_retrieved *r, struct fl_out *o, struct fl_err *e);
/* .npy (queries, top): ids of hits, -1 where there are fewer; their scores, NAN there. */
int fl_retrieved_write_ids(const struct fl_retrieved *r, struct fl_out *o, struct fl_err *e);
int fl_retrieved_write_scores(const struct fl_retrieved *r, struct fl_out *o, struct fl_err *e);
/* fl_doubt_lines of "forward" and, where it was measured, "reverse". FL_EDATA where no
 * uncertainty is beside the rows. */
int fl_retrieved_write_curve(const struct fl_retrieved *r, struct fl_out *o, struct fl_err *e);

#endif
