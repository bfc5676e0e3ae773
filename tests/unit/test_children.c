/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/children.h"
#include "control/sockets.h"
#include "shm/clock.h"

#define MS RP_NS_PER_MS

static void death_after_a_long_life_is_followed_by_a_start_at_once(void **state)
{
	struct rp_child child = {.pid = 7, .started_ns = 0, .quick_deaths = 5};

	(void)state;
	assert_int_equal(rp_child_note_death(&child, RP_QUICK_DEATH_MS * MS), 0);
	assert_int_equal(child.pid, 0);
	assert_int_equal(child.quick_deaths, 0);
}

static void quick_deaths_wait_twice_as_long_each_time_up_to_a_bound(void **state)
{
	struct rp_child child = {.pid = 7};
	int64_t delay_ns = 0;

	(void)state;
	assert_int_equal(rp_child_note_death(&child, MS), 0);
	assert_int_equal(rp_child_note_death(&child, MS), 10 * MS);
	assert_int_equal(rp_child_note_death(&child, MS), 20 * MS);
	for (int i = 0; i < 100; i++)
		delay_ns = rp_child_note_death(&child, MS);
	assert_int_equal(delay_ns, RP_RESPAWN_DELAY_MAX_MS * MS);
}

static int run(struct rp_child *child, const char *script)
{
	static char shell[] = "sh";
	static char option[] = "-c";
	static char text[500];
	static char *argv[] = {shell, option, text, NULL};
	int status = 0;

	snprintf(child->program, sizeof(child->program), "/bin/sh");
	snprintf(text, sizeof(text), "%s", script);
	child->argv = argv;
	assert_int_equal(rp_child_start(child, 0), RP_OK);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	child->pid = 0;
	return status;
}

static void child_has_its_descriptors_under_the_given_numbers(void **state)
{
	struct rp_child child = {0};
	int event = rp_eventfd_new();
	int status;

	(void)state;
	assert_true(event >= RP_FD_OWN_FIRST);
	rp_child_add_fd(&child, event, 5);
	rp_child_add_fd(&child, event, 9);
	status = run(&child, "test -e /proc/self/fd/5 && test -e /proc/self/fd/9 && "
			     "test ! -e /proc/self/fd/6 && exit 42");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	close(event);
}

static void program_that_cannot_run_shows_as_exit_code(void **state)
{
	struct rp_child child = {0};
	static char name[] = "none";
	static char *argv[] = {name, NULL};
	int status = 0;

	(void)state;
	snprintf(child.program, sizeof(child.program), "/nowhere/none");
	child.argv = argv;
	assert_int_equal(rp_child_start(&child, 0), RP_OK);
	assert_int_equal(waitpid(child.pid, &status, 0), child.pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), RP_EXIT_EXEC);
}

static void busy_port_is_named_with_its_flag(void **state)
{
	struct rp_diag diag = {0};
	uint16_t port = 0;
	uint16_t same = 0;
	int fd = -1;
	int other = -1;

	(void)state;
	assert_int_equal(rp_socket_bind(0, "--a", &fd, &port, &diag), RP_OK);
	assert_true(port != 0);
	assert_int_equal(rp_socket_listen(fd, port, "--a", &diag), RP_OK);
	assert_int_equal(rp_socket_bind(port, "--b", &other, &same, &diag), -EADDRINUSE);
	assert_non_null(strstr(diag.message, "--b"));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(death_after_a_long_life_is_followed_by_a_start_at_once),
		cmocka_unit_test(quick_deaths_wait_twice_as_long_each_time_up_to_a_bound),
		cmocka_unit_test(child_has_its_descriptors_under_the_given_numbers),
		cmocka_unit_test(program_that_cannot_run_shows_as_exit_code),
		cmocka_unit_test(busy_port_is_named_with_its_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
