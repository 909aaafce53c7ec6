/* Items in, results out in order: a ring of slots under one lock. */
#include "base/crew.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/par.h"

/* Item i is in slot i % nslot from take() until its turn to be given has come. */
struct shift {
	const struct fl_crew *crew;
	unsigned char *slot;		/* (nslot,size) */
	unsigned char *ready;		/* (nslot) 1: worked on, waits for its turn */
	size_t nslot;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	size_t taken, given;
	int over;			/* nothing is left to take */
	size_t failed;			/* the first item that failed; SIZE_MAX: none */
	struct fl_err err;		/* its error */
};

static void *slot_of(const struct shift *s, size_t i)
{
	return s->slot + i % s->nslot * s->crew->size;
}

static void drop_item(const struct shift *s, size_t i)
{
	s->crew->drop(slot_of(s, i));
	memset(slot_of(s, i), 0, s->crew->size);
}

/* Under the lock, as all below that take a struct shift. */
static void fail_item(struct shift *s, size_t i, const struct fl_err *e)
{
	if (i < s->failed) {
		s->failed = i;
		s->err = *e;
	}
}

/* 1 and its number: an item to work on; 0: none is left, or one has failed. */
static int take_item(struct shift *s, size_t *i)
{
	struct fl_err e = { 0 };
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	while (s->taken >= s->given + s->nslot && s->failed == SIZE_MAX)
		pthread_cond_wait(&s->moved, &s->lock);
	if (!s->over && s->failed == SIZE_MAX) {
		*i = s->taken;
		rc = s->crew->take(s->crew->ctx, slot_of(s, *i), &e);
		if (rc < 0)
			fail_item(s, *i, &e);
		if (rc <= 0) {
			drop_item(s, *i);
			s->over = 1;
			pthread_cond_broadcast(&s->moved);
		}
		s->taken += rc > 0;
	}
	pthread_mutex_unlock(&s->lock);
	return rc > 0;
}

/* Gives all whose turn has come. */
static void give_ready(struct shift *s)
{
	while (s->given < s->failed && s->given < s->taken && s->ready[s->given % s->nslot]) {
		size_t i = s->given;
		struct fl_err e = { 0 };

		s->ready[i % s->nslot] = 0;
		if (s->crew->give(s->crew->ctx, slot_of(s, i), &e))
			fail_item(s, i, &e);
		drop_item(s, i);
		s->given++;
	}
}

static int work_shift(void *ctx, size_t worker, int thread, struct fl_err *e)
{
	struct shift *s = ctx;
	size_t i;

	(void)thread;
	(void)e;
	while (take_item(s, &i)) {
		struct fl_err mine = { 0 };
		int rc = s->crew->work(s->crew->ctx, slot_of(s, i), (int)worker, &mine);

		pthread_mutex_lock(&s->lock);
		if (rc)
			fail_item(s, i, &mine);
		s->ready[i % s->nslot] = 1;
		give_ready(s);
		pthread_cond_broadcast(&s->moved);
		pthread_mutex_unlock(&s->lock);
	}
	return 0;
}

int fl_crew_run(const struct fl_crew *crew, struct fl_err *e)
{
	size_t n = (size_t)crew->threads;
	struct shift s = { .crew = crew, .nslot = n > 1 ? FL_CREW_AHEAD * n : 1, .failed = SIZE_MAX };

	s.slot = fl_alloc(s.nslot, crew->size, e);
	s.ready = fl_alloc(s.nslot, 1, e);
	if (s.slot && s.ready) {
		pthread_mutex_init(&s.lock, NULL);
		pthread_cond_init(&s.moved, NULL);
		fl_par_for(n, (int)n, &s, work_shift, NULL);
		pthread_cond_destroy(&s.moved);
		pthread_mutex_destroy(&s.lock);
		for (; s.given < s.taken; s.given++)	/* after a failure */
			drop_item(&s, s.given);
		if (s.failed < SIZE_MAX && e)
			*e = s.err;
	}
	free(s.slot);
	free(s.ready);
	return !s.slot || !s.ready || s.failed < SIZE_MAX ? -1 : 0;
}
