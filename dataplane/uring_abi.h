/* SPDX-License-Identifier: Apache-2.0
 *
 * What the loop needs of io_uring and Debian's liburing 2.3 does not export: restrictions, enabling
 * a ring that was made disabled, and the ring of provided buffers. Raw register calls (V: they
 * work).
 *
 *   needed                                   since Linux   found out at run time by
 *   IORING_REGISTER_RESTRICTIONS             5.10          the call
 *   IORING_FEAT_EXT_ARG                      5.11          params.features
 *   IORING_REGISTER_PBUF_RING                5.19          the call
 *   IORING_ACCEPT_MULTISHOT                  5.19          implied by DEFER_TASKRUN
 *   IORING_RECV_MULTISHOT                    6.0           implied by DEFER_TASKRUN
 *   IORING_SETUP_SINGLE_ISSUER               6.0           setup
 *   IORING_SETUP_DEFER_TASKRUN               6.1           setup: EINVAL on older kernels
 *
 *   used where it is there
 *   IORING_REGISTER_RING_FDS                 5.18          the call
 *   IOU_PBUF_RING_INC, IORING_CQE_F_BUF_MORE 6.12          registering the buffers: EINVAL
 *   IORING_ENTER_NO_IOWAIT                   6.15          params.features
 */
#ifndef RP_DATAPLANE_URING_ABI_H
#define RP_DATAPLANE_URING_ABI_H

#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shm/bytes.h"
#include "shm/clock.h"
#include "shm/err.h"

/* Not in the headers of Debian 12; the kernel's values. */
enum {
	RP_URING_PBUF_RING_INC = 2,
	RP_URING_CQE_F_BUF_MORE = 1 << 4,
	RP_URING_FEAT_NO_IOWAIT = 1 << 17,
	RP_URING_ENTER_NO_IOWAIT = 1 << 7,
	RP_URING_BUFFERS_MAX = 128,
};

/* @return RP_OK or -errno */
static inline int rp_uring_register(int ring_fd, unsigned opcode, const void *arg, unsigned count)
{
	return syscall(__NR_io_uring_register, ring_fd, opcode, arg, count) < 0 ? -errno : RP_OK;
}

/**
 * From its start on the ring takes these operations only, with these SQE flags, and no register
 * call. io_uring is not seen by seccomp: this takes its place.
 */
static inline int rp_uring_restrict(int ring_fd, const uint8_t *ops, unsigned op_count,
				    uint8_t sqe_flags)
{
	struct io_uring_restriction rules[16] = {0};

	RP_ASSERT(op_count < RP_ARRAY_LEN(rules));
	for (unsigned i = 0; i < op_count; i++) {
		rules[i].opcode = IORING_RESTRICTION_SQE_OP;
		rules[i].sqe_op = ops[i];
	}
	rules[op_count].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	rules[op_count].sqe_flags = sqe_flags;
	return rp_uring_register(ring_fd, IORING_REGISTER_RESTRICTIONS, rules, op_count + 1);
}

static inline int rp_uring_enable(int ring_fd)
{
	return rp_uring_register(ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

/**
 * Submit all entries and, with wait_nr > 0, wait at most timeout_ns (negative: without end) for so
 * many completions. One system call, whatever comes of it; liburing's own functions may make two.
 *
 * @return RP_OK; -errno, -ETIME among them
 */
static inline int rp_uring_enter(struct io_uring *ring, unsigned wait_nr, int64_t timeout_ns)
{
	struct io_uring_sq *sq = &ring->sq;
	struct __kernel_timespec timeout = {.tv_sec = timeout_ns / RP_NS_PER_S,
					    .tv_nsec = timeout_ns % RP_NS_PER_S};
	struct io_uring_getevents_arg arg = {.ts = (uintptr_t)&timeout};

	/* release: the kernel reads the entries after the tail. sq->array is the identity. */
	io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
	sq->sqe_head = sq->sqe_tail;
	unsigned count = sq->sqe_tail - io_uring_smp_load_acquire(sq->khead);
	bool has_timeout = timeout_ns >= 0 && wait_nr > 0;
	unsigned flags = IORING_ENTER_GETEVENTS;

	if (has_timeout)
		flags |= IORING_ENTER_EXT_ARG;
	if (ring->enter_ring_fd != ring->ring_fd)
		flags |= IORING_ENTER_REGISTERED_RING;
	if ((ring->features & RP_URING_FEAT_NO_IOWAIT) != 0)
		flags |= RP_URING_ENTER_NO_IOWAIT;
	long n = syscall(__NR_io_uring_enter, ring->enter_ring_fd, count, wait_nr, flags,
			 has_timeout ? &arg : NULL, has_timeout ? sizeof(arg) : 0);

	return n < 0 ? -errno : RP_OK;
}

/* Provided buffers: the kernel fills them, the loop puts them back when they have been read. Where
 * the kernel can, it fills a buffer piece by piece, so that small messages share one.
 */
struct rp_uring_buffers {
	struct io_uring_buf *slots; /* the tail lies over the first slot's resv */
	uint8_t *data;
	uint32_t count; /* a power of two */
	uint32_t bytes; /* of each */
	uint16_t tail;
	uint32_t at[RP_URING_BUFFERS_MAX]; /* incremental: where the next piece of each begins */
};

static inline uint8_t *rp_uring_buffer_start(const struct rp_uring_buffers *buffers, uint32_t id)
{
	return buffers->data + (size_t)id * buffers->bytes;
}

/** The n bytes that a completion with these flags is about. */
static inline struct rp_bytes rp_uring_buffer(const struct rp_uring_buffers *buffers,
					      uint32_t flags, size_t n)
{
	uint32_t id = flags >> IORING_CQE_BUFFER_SHIFT;

	return rp_bytes(rp_uring_buffer_start(buffers, id) + buffers->at[id], n);
}

static inline void rp_uring_buffer_put(struct rp_uring_buffers *buffers, uint32_t id)
{
	struct io_uring_buf *slot = &buffers->slots[buffers->tail & (buffers->count - 1)];

	buffers->at[id] = 0;
	slot->addr = (uintptr_t)rp_uring_buffer_start(buffers, id);
	slot->len = buffers->bytes;
	slot->bid = (uint16_t)id;
	buffers->tail++;
	/* release: the kernel reads the slot after the tail. */
	__atomic_store_n(&buffers->slots[0].resv, buffers->tail, __ATOMIC_RELEASE);
}

/** The n bytes of that completion have been read. */
static inline void rp_uring_buffer_done(struct rp_uring_buffers *buffers, uint32_t flags, size_t n)
{
	uint32_t id = flags >> IORING_CQE_BUFFER_SHIFT;

	if ((flags & RP_URING_CQE_F_BUF_MORE) != 0)
		buffers->at[id] += (uint32_t)n;
	else
		rp_uring_buffer_put(buffers, id);
}

static inline void rp_uring_buffers_fini(struct rp_uring_buffers *buffers)
{
	if (buffers->slots != NULL)
		munmap(buffers->slots, buffers->count * sizeof(struct io_uring_buf));
	if (buffers->data != NULL)
		munmap(buffers->data, (size_t)buffers->count * buffers->bytes);
	*buffers = (struct rp_uring_buffers){0};
}

static inline void *rp_uring_map(size_t bytes)
{
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/** Register `count` buffers as buffer group `group`. @return RP_OK or -errno */
static inline int rp_uring_buffers_init(struct rp_uring_buffers *buffers, int ring_fd,
					uint16_t group, uint32_t count, uint32_t bytes,
					bool is_incremental)
{
	RP_ASSERT(count <= RP_URING_BUFFERS_MAX);
	*buffers = (struct rp_uring_buffers){.count = count, .bytes = bytes};
	buffers->slots = rp_uring_map(count * sizeof(struct io_uring_buf));
	buffers->data = rp_uring_map((size_t)count * bytes);
	if (buffers->slots == NULL || buffers->data == NULL) {
		rp_uring_buffers_fini(buffers);
		return -ENOMEM;
	}
	/* liburing 2.3 calls the flags' word "pad". */
	const struct io_uring_buf_reg reg = {
		.ring_addr = (uintptr_t)buffers->slots,
		.ring_entries = count,
		.bgid = group,
		.pad = is_incremental ? RP_URING_PBUF_RING_INC : 0,
	};
	int err = rp_uring_register(ring_fd, IORING_REGISTER_PBUF_RING, &reg, 1);

	if (err != RP_OK) {
		rp_uring_buffers_fini(buffers);
		return err;
	}
	for (uint32_t i = 0; i < count; i++)
		rp_uring_buffer_put(buffers, i);
	return RP_OK;
}

#endif /* RP_DATAPLANE_URING_ABI_H */
