/* Parallel for on POSIX threads: an atomic counter hands out items. */
#include "base/par.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#define MAX_THREADS 1024

struct job {
	size_t n;
	void *ctx;
	int (*fn)(void *, size_t, int, struct fl_err *);
	atomic_size_t next;
	atomic_int failed, threads;
	pthread_mutex_t lock;
	size_t bad;		/* lowest failed item */
	struct fl_err err;
};

static void *work(void *arg)
{
	struct job *j = arg;
	int me = atomic_fetch_add(&j->threads, 1);

	while (!atomic_load(&j->failed)) {
		size_t i = atomic_fetch_add(&j->next, 1);
		struct fl_err e = { 0 };

		if (i >= j->n)
			break;
		if (!j->fn(j->ctx, i, me, &e))
			continue;
		pthread_mutex_lock(&j->lock);
		if (i < j->bad) {
			j->bad = i;
			j->err = e;
		}
		pthread_mutex_unlock(&j->lock);
		atomic_store(&j->failed, 1);
	}
	return NULL;
}

int fl_par_for(size_t n, int threads, void *ctx,
               int (*fn)(void *, size_t, int, struct fl_err *), struct fl_err *e)
{
	struct job j = { .n = n, .ctx = ctx, .fn = fn, .bad = SIZE_MAX };
	pthread_t tid[MAX_THREADS];
	int started = 0;

	if (threads > MAX_THREADS)
		threads = MAX_THREADS;
	if (threads > 1 && (size_t)threads > n)
		threads = (int)n;
	pthread_mutex_init(&j.lock, NULL);
	/* A thread that cannot be had is not an error: the rest do its work. */
	while (started < threads - 1 && !pthread_create(&tid[started], NULL, work, &j))
		started++;
	work(&j);
	for (int i = 0; i < started; i++)
		pthread_join(tid[i], NULL);
	pthread_mutex_destroy(&j.lock);
	if (j.bad == SIZE_MAX)
		return 0;
	if (e)
		*e = j.err;
	return -1;
}
