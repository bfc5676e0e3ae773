/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm/layout.h"
#include "shm/segment.h"

enum { BYTES = 3 * 4096, HASH = 0x1234 };

static struct rp_segment create(void)
{
	struct rp_segment segment;

	assert_int_equal(rp_segment_create("test", RP_SEGMENT_LIVE, BYTES, HASH, &segment), RP_OK);
	return segment;
}

static void destroy(struct rp_segment *segment)
{
	int fd = segment->fd;

	rp_segment_detach(segment);
	assert_int_equal(close(fd), 0);
}

/* Attaching must be refused, and the reason must contain this text. */
static void assert_refused(int fd, int want, const char *reason)
{
	struct rp_segment other = {0};
	struct rp_diag diag = {0};

	assert_int_equal(rp_segment_attach(fd, RP_SEGMENT_LIVE, true, HASH, &other, &diag), want);
	assert_null(other.base);
	assert_non_null(strstr(diag.message, reason));
	assert_int_equal(rp_segment_attach(fd, RP_SEGMENT_LIVE, true, HASH, &other, NULL), want);
}

static void two_mappings_show_the_same_bytes(void **state)
{
	(void)state;
	struct rp_segment segment = create();
	struct rp_segment other;

	assert_int_equal(rp_segment_attach(segment.fd, RP_SEGMENT_LIVE, true, HASH, &other, NULL),
			 RP_OK);
	assert_int_equal(other.bytes, BYTES);
	((uint8_t *)segment.base)[BYTES - 1] = 42;
	assert_int_equal(((uint8_t *)other.base)[BYTES - 1], 42);
	rp_segment_detach(&other);
	rp_segment_detach(&other);
	destroy(&segment);
}

static void size_is_sealed(void **state)
{
	(void)state;
	struct rp_segment segment = create();

	assert_int_equal(ftruncate(segment.fd, BYTES / 3), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(segment.fd, 2 * BYTES), -1);
	assert_int_equal(fcntl(segment.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	destroy(&segment);
}

static void readonly_descriptor_cannot_be_mapped_writable(void **state)
{
	(void)state;
	struct rp_segment segment = create();
	struct rp_segment other = {0};
	int fd = rp_segment_reopen_readonly(&segment);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(rp_segment_attach(fd, RP_SEGMENT_LIVE, true, HASH, &other, NULL), -EACCES);
	assert_int_equal(rp_segment_attach(fd, RP_SEGMENT_LIVE, false, HASH, &other, NULL), RP_OK);
	assert_int_equal(mprotect(other.base, other.bytes, PROT_READ | PROT_WRITE), -1);
	rp_segment_detach(&other);
	assert_int_equal(close(fd), 0);
	destroy(&segment);
}

static void attach_refuses_each_field_that_differs(void **state)
{
	(void)state;
	struct rp_segment segment = create();
	struct rp_segment_head *head = segment.base;
	const struct rp_segment_head good = *head;

	head->magic++;
	assert_refused(segment.fd, RP_EMISMATCH, "magic");
	*head = good;
	head->version = RP_LAYOUT_VERSION + 1;
	assert_refused(segment.fd, RP_EMISMATCH, "version");
	*head = good;
	head->kind = RP_SEGMENT_TABLES;
	assert_refused(segment.fd, RP_EMISMATCH, "kind");
	*head = good;
	head->layout_hash++;
	assert_refused(segment.fd, RP_EMISMATCH, "layout");
	*head = good;
	head->bytes++;
	assert_refused(segment.fd, RP_EMISMATCH, "bytes");
	*head = good;
	destroy(&segment);
}

static void attach_refuses_what_is_no_segment(void **state)
{
	(void)state;
	int fd = memfd_create("unsealed", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	int pipes[2];

	assert_int_equal(ftruncate(fd, BYTES), 0);
	assert_refused(fd, RP_EMISMATCH, "sealed");
	assert_int_equal(ftruncate(fd, 8), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
	assert_refused(fd, RP_EMISMATCH, "small");
	assert_int_equal(close(fd), 0);
	assert_int_equal(pipe(pipes), 0);
	assert_refused(pipes[0], RP_EMISMATCH, "sealed");
	assert_int_equal(close(pipes[0]), 0);
	assert_int_equal(close(pipes[1]), 0);
	assert_refused(pipes[0], -EBADF, "fstat");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_mappings_show_the_same_bytes),
		cmocka_unit_test(size_is_sealed),
		cmocka_unit_test(readonly_descriptor_cannot_be_mapped_writable),
		cmocka_unit_test(attach_refuses_each_field_that_differs),
		cmocka_unit_test(attach_refuses_what_is_no_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
