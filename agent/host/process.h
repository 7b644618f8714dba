#ifndef AGENT_HOST_PROCESS_H
#define AGENT_HOST_PROCESS_H

/* Finding and killing processes that are not our children: by pid and start time, and by
 * the key that stands in MUSTER_LEASE in their environment.  Any thread; they block
 * for as long as the killed take to die. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/host/lease_record.h"
#include "shared/base/status.h"

/* Clock ticks since the boot at which the process started; 0: there is none. */
int64_t process_start_ticks(pid_t pid);

/* This boot's id; "" where the kernel does not tell. */
void process_boot_id(char out_boot[LEASE_BOOT_SIZE]);

/* Is the process that the record names still there? */
bool process_is_recorded(const struct lease_record *record);

/* A killed process is gone within this, unless a disk or a network file system holds it. */
#define PROCESS_DEATH_MS 5000

/* SIGKILL to the recorded process and its group, and to every process whose MUSTER_LEASE is
 * one of the records' keys, again and again until none is found.  STATUS_TIMEOUT: some
 * are still there. */
enum status process_kill_recorded(const struct lease_record *records, size_t count,
                                  struct error *err) MUST_USE;

/* The same for one key. */
enum status process_kill_marked(const char *key, struct error *err) MUST_USE;

/* How many processes carry the key. */
size_t process_count_marked(const char *key);

#endif
