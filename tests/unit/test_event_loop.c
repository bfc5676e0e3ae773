/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "control/event_loop.h"
#include "shm/clock.h"

static struct rp_events *new_loop(void)
{
	struct rp_events *loop = NULL;

	assert_int_equal(rp_events_new(&loop), RP_OK);
	return loop;
}

struct fired {
	struct rp_events *loop;
	int64_t last_ns;
	int count;
};

static void check_order(struct rp_events_timer *timer)
{
	struct fired *fired = timer->user;

	assert_true(timer->deadline_ns >= fired->last_ns);
	assert_false(timer->is_set);
	fired->last_ns = timer->deadline_ns;
	fired->count++;
}

static void loop_fires_timers_in_order_and_not_the_cancelled_ones(void **state)
{
	enum { N = 2000 };
	struct rp_events *loop = new_loop();
	struct rp_events_timer *timer = calloc(N, sizeof(*timer));
	struct fired fired = {.loop = loop};
	int64_t past_ns = rp_clock_monotonic_ns() - RP_NS_PER_S;
	unsigned seed = 7;
	int cancelled = 0;

	(void)state;
	assert_non_null(timer);
	for (int i = 0; i < N; i++) {
		rp_events_timer_init(&timer[i], check_order, &fired);
		rp_events_timer_set(loop, &timer[i], past_ns + rand_r(&seed) % 1000);
	}
	for (int i = 0; i < N; i++) {
		int what = rand_r(&seed) % 3;

		if (what == 0) {
			rp_events_timer_cancel(loop, &timer[i]);
			cancelled++;
		} else if (what == 1) {
			rp_events_timer_set(loop, &timer[i], past_ns + rand_r(&seed) % 1000);
		}
	}
	assert_int_equal(rp_events_turn(loop, 0), RP_OK);
	assert_int_equal(fired.count, N - cancelled);
	free(timer);
	rp_events_free(loop);
}

static void set_again(struct rp_events_timer *timer)
{
	struct fired *fired = timer->user;

	fired->count++;
	rp_events_timer_set(fired->loop, timer, 0);
}

static void loop_runs_a_timer_once_a_turn_even_if_it_sets_itself_for_the_past(void **state)
{
	struct rp_events *loop = new_loop();
	struct fired fired = {.loop = loop};
	struct rp_events_timer timer;

	(void)state;
	rp_events_timer_init(&timer, set_again, &fired);
	rp_events_timer_set(loop, &timer, 0);
	assert_int_equal(rp_events_turn(loop, 0), RP_OK);
	assert_int_equal(fired.count, 1);
	assert_int_equal(rp_events_turn(loop, -1), RP_OK);
	assert_int_equal(fired.count, 2);
	rp_events_free(loop);
}

static void loop_waits_for_the_next_timer(void **state)
{
	struct rp_events *loop = new_loop();
	struct fired fired = {.loop = loop};
	struct rp_events_timer timer;
	int64_t started_ns = rp_clock_monotonic_ns();

	(void)state;
	rp_events_timer_init(&timer, check_order, &fired);
	rp_events_timer_set(loop, &timer, started_ns + 20 * RP_NS_PER_MS);
	while (fired.count == 0)
		assert_int_equal(rp_events_turn(loop, -1), RP_OK);
	assert_true(rp_clock_monotonic_ns() - started_ns >= 20 * RP_NS_PER_MS);
	rp_events_free(loop);
}

struct pair {
	struct rp_events *loop;
	struct rp_events_watch watch[2];
	int calls;
};

/* Whoever is called first removes the other, whose event is in the same batch. */
static void remove_both(struct rp_events_watch *watch, uint32_t events)
{
	struct pair *pair = watch->user;

	assert_true((events & EPOLLIN) != 0);
	pair->calls++;
	rp_events_unwatch(pair->loop, &pair->watch[0]);
	rp_events_unwatch(pair->loop, &pair->watch[1]);
}

static void loop_does_not_call_a_watch_that_was_removed_in_the_same_turn(void **state)
{
	struct pair pair = {.loop = new_loop()};
	int fd[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		fd[i] = eventfd(1, EFD_NONBLOCK);
		assert_int_equal(rp_events_watch(pair.loop, &pair.watch[i], fd[i], EPOLLIN,
						 remove_both, &pair),
				 RP_OK);
	}
	assert_int_equal(rp_events_turn(pair.loop, 0), RP_OK);
	assert_int_equal(rp_events_turn(pair.loop, 0), RP_OK);
	assert_int_equal(pair.calls, 1);
	close(fd[0]);
	close(fd[1]);
	rp_events_free(pair.loop);
}

static void stop(struct rp_events_watch *watch, uint32_t events)
{
	(void)events;
	rp_events_stop(watch->user);
}

static void loop_changes_events_and_stops(void **state)
{
	struct rp_events *loop = new_loop();
	struct rp_events_watch watch = {0};
	int fd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	assert_int_equal(rp_events_watch(loop, &watch, fd, 0, stop, loop), RP_OK);
	assert_int_equal(rp_events_rewatch(loop, &watch, EPOLLOUT), RP_OK);
	assert_int_equal(rp_events_run(loop), RP_OK);
	rp_events_unwatch(loop, &watch);
	rp_events_unwatch(loop, &watch);
	close(fd);
	assert_int_equal(rp_events_watch(loop, &watch, fd, EPOLLIN, stop, loop), -EBADF);
	assert_false(watch.is_watched);
	rp_events_free(loop);
}

static void count(struct rp_events_watch *watch, uint32_t events)
{
	int *called = watch->user;

	(void)events;
	++*called;
}

static void count_timer(struct rp_events_timer *timer)
{
	int *called = timer->user;

	++*called;
}

static void a_loop_inside_another_is_drained_without_its_timers(void **state)
{
	enum { N = 300 }; /* more than one fetch of events */
	struct rp_events *outer = new_loop();
	struct rp_events *inner = new_loop();
	struct rp_events_watch of_inner = {0};
	static struct rp_events_watch watch[N];
	struct rp_events_timer timer;
	int outer_called = 0;
	int called = 0;
	int fired = 0;
	int64_t now_ns = rp_events_now_ns(inner);

	(void)state;
	assert_int_equal(rp_events_watch(outer, &of_inner, rp_events_fd(inner), EPOLLIN, count,
					 &outer_called),
			 RP_OK);
	assert_int_equal(rp_events_turn(outer, 0), RP_OK);
	assert_int_equal(outer_called, 0);
	assert_int_equal(rp_events_drain(inner), RP_OK);

	rp_events_timer_init(&timer, count_timer, &fired);
	rp_events_timer_set(inner, &timer, 0);
	for (int i = 0; i < N; i++)
		assert_int_equal(rp_events_watch(inner, &watch[i], eventfd(0, EFD_NONBLOCK),
						 EPOLLOUT | EPOLLET, count, &called),
				 RP_OK);
	assert_int_equal(rp_events_turn(outer, 0), RP_OK);
	assert_int_equal(outer_called, 1);
	assert_int_equal(rp_events_drain(inner), RP_OK);
	assert_int_equal(called, N);
	assert_int_equal(fired, 0);
	assert_true(rp_events_now_ns(inner) == now_ns);
	for (int i = 0; i < N; i++) {
		rp_events_unwatch(inner, &watch[i]);
		close(watch[i].fd);
	}
	rp_events_timer_cancel(inner, &timer);
	rp_events_free(inner);
	rp_events_free(outer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loop_fires_timers_in_order_and_not_the_cancelled_ones),
		cmocka_unit_test(loop_runs_a_timer_once_a_turn_even_if_it_sets_itself_for_the_past),
		cmocka_unit_test(loop_waits_for_the_next_timer),
		cmocka_unit_test(loop_does_not_call_a_watch_that_was_removed_in_the_same_turn),
		cmocka_unit_test(loop_changes_events_and_stops),
		cmocka_unit_test(a_loop_inside_another_is_drained_without_its_timers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
