/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shm/layout.h"

/* Without these a peer could shrink the file under us, and the next access would be SIGBUS. */
static const int seals_wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

static int map(int fd, size_t bytes, bool is_writable, void **ret_base)
{
	int prot = is_writable ? PROT_READ | PROT_WRITE : PROT_READ;
	void *base = mmap(NULL, bytes, prot, MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (base == MAP_FAILED)
		return -errno;
	/* Gigabytes of mostly untouched pages have no place in a core file; failing is harmless. */
	(void)madvise(base, bytes, MADV_DONTDUMP);
	*ret_base = base;
	return RP_OK;
}

int rp_segment_create(const char *name, enum rp_segment_kind kind, size_t bytes,
		      uint64_t layout_hash, struct rp_segment *ret_segment)
{
	struct rp_segment_head *head;
	void *base;
	int err;
	int fd;

	RP_ASSERT(bytes >= sizeof(*head));
	RP_ASSERT(bytes <= INT64_MAX);
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) != 0 || fcntl(fd, F_ADD_SEALS, seals_wanted) != 0) {
		err = -errno;
		goto out;
	}
	err = map(fd, bytes, true, &base);
	if (err != RP_OK)
		goto out;
	head = base;
	head->version = RP_LAYOUT_VERSION;
	head->kind = kind;
	head->layout_hash = layout_hash;
	head->bytes = bytes;
	head->magic = RP_SEGMENT_MAGIC;
	*ret_segment = (struct rp_segment){base, bytes, fd, true};
	return RP_OK;
out:
	close(fd);
	return err;
}

/* Compare a mapped head with what this build expects. */
static int check_head(const struct rp_segment_head *head, enum rp_segment_kind kind,
		      uint64_t layout_hash, uint64_t bytes, struct rp_diag *reterr)
{
	if (head->magic != RP_SEGMENT_MAGIC)
		return rp_diag_set(reterr, RP_EMISMATCH, 0, 0,
				   "not a ringpick segment: magic is %016" PRIx64, head->magic);
	if (head->version != RP_LAYOUT_VERSION)
		return rp_diag_set(reterr, RP_EMISMATCH, 0, 0,
				   "segment has layout version %" PRIu32 ", this build has %u",
				   head->version, RP_LAYOUT_VERSION);
	if (head->kind != (uint32_t)kind)
		return rp_diag_set(reterr, RP_EMISMATCH, 0, 0,
				   "segment is of kind %" PRIu32 ", wanted %u", head->kind,
				   (unsigned)kind);
	if (head->layout_hash != layout_hash)
		return rp_diag_set(reterr, RP_EMISMATCH, 0, 0,
				   "segment has layout %016" PRIx64 ", this build has %016" PRIx64,
				   head->layout_hash, layout_hash);
	if (head->bytes != bytes)
		return rp_diag_set(reterr, RP_EMISMATCH, 0, 0,
				   "segment says %" PRIu64 " bytes, the file has %" PRIu64,
				   head->bytes, bytes);
	return RP_OK;
}

int rp_segment_attach(int fd, enum rp_segment_kind kind, bool is_writable, uint64_t layout_hash,
		      struct rp_segment *ret_segment, struct rp_diag *reterr)
{
	struct stat st;
	void *base;
	size_t bytes;
	int seals;
	int err;

	if (fstat(fd, &st) != 0) {
		err = -errno;
		return rp_diag_set(reterr, err, 0, 0, "fstat: %s", rp_err_text(err));
	}
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & seals_wanted) != seals_wanted)
		return rp_diag_set(reterr, RP_EMISMATCH, 0, 0, "segment is not sealed");
	if (st.st_size < (off_t)sizeof(struct rp_segment_head))
		return rp_diag_set(reterr, RP_EMISMATCH, 0, 0, "segment is too small: %jd bytes",
				   (intmax_t)st.st_size);
	bytes = (size_t)st.st_size;
	err = map(fd, bytes, is_writable, &base);
	if (err != RP_OK)
		return rp_diag_set(reterr, err, 0, 0, "mmap: %s", rp_err_text(err));
	err = check_head(base, kind, layout_hash, bytes, reterr);
	if (err != RP_OK) {
		munmap(base, bytes);
		return err;
	}
	*ret_segment = (struct rp_segment){base, bytes, fd, is_writable};
	return RP_OK;
}

int rp_segment_reopen_readonly(const struct rp_segment *segment)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", segment->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

void rp_segment_detach(struct rp_segment *segment)
{
	if (segment->base != NULL)
		munmap(segment->base, segment->bytes);
	segment->base = NULL;
	segment->bytes = 0;
}
