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
 */
#ifndef RP_DATAPLANE_URING_ABI_H
#define RP_DATAPLANE_URING_ABI_H

#include <errno.h>
#include <liburing.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shm/err.h"

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

/* Provided buffers: the kernel takes one per receive, the loop puts it back when it has been read.
 */
struct rp_uring_buffers {
	struct io_uring_buf *slots; /* the tail lies over the first slot's resv */
	uint8_t *data;
	uint32_t count; /* a power of two */
	uint32_t bytes; /* of each */
	uint16_t tail;
};

static inline uint8_t *rp_uring_buffer(const struct rp_uring_buffers *buffers, uint32_t id)
{
	return buffers->data + (size_t)id * buffers->bytes;
}

static inline void rp_uring_buffer_put(struct rp_uring_buffers *buffers, uint32_t id)
{
	struct io_uring_buf *slot = &buffers->slots[buffers->tail & (buffers->count - 1)];

	slot->addr = (uintptr_t)rp_uring_buffer(buffers, id);
	slot->len = buffers->bytes;
	slot->bid = (uint16_t)id;
	buffers->tail++;
	/* release: the kernel reads the slot after the tail. */
	__atomic_store_n(&buffers->slots[0].resv, buffers->tail, __ATOMIC_RELEASE);
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
					uint16_t group, uint32_t count, uint32_t bytes)
{
	*buffers = (struct rp_uring_buffers){.count = count, .bytes = bytes};
	buffers->slots = rp_uring_map(count * sizeof(struct io_uring_buf));
	buffers->data = rp_uring_map((size_t)count * bytes);
	if (buffers->slots == NULL || buffers->data == NULL) {
		rp_uring_buffers_fini(buffers);
		return -ENOMEM;
	}
	const struct io_uring_buf_reg reg = {
		.ring_addr = (uintptr_t)buffers->slots, .ring_entries = count, .bgid = group};
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
