#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"

namespace farkeep {

/// First thing in every main: files of ours are private (umask 077), and no memory with keys in it is dumped to disk or
/// read by another process of the same user.
void harden_process();

/// Keeps freed memory of up to 64 MiB for reuse: buffers of a few MiB come and go with every piece of work, and giving each back to
/// the system to get zeroed pages for the next took an eighth of a backup's processor time.
void keep_freed_memory();
/// The opposite, for a process that is to stay small: freed memory goes back at once.  Either may be called again at any time; threads that have an arena of the
/// allocator to themselves when this is called keep it.
void give_back_memory();

/// Gives back, once, what is free between blocks that are in use: after a flood, or a day's peak.  Milliseconds for some hundred MiB; any thread.
void return_free_memory();

/// Raises the limit of open files to what the system allows us: an open folder of a deep tree costs one each.
void raise_descriptor_limit();

enum class IoPriority { normal, low, idle };
/// How much the system favours this thread, and all that it starts from then on, commands too: from 0, as any other program, to 19, behind all others.
/// False when the system refuses: what was given away cannot be taken back without privileges.
bool set_niceness(int niceness);
/// The same for disks: low is behind all others, idle is only when nobody else wants the disk.  How far that goes is up to the system's disk scheduler.
bool set_io_priority(IoPriority priority);

std::string host_name();
std::uint32_t process_id();
bool is_root();
/// The system shows attributes named trusted.* only to who may administer it (CAP_SYS_ADMIN).
bool sees_trusted_attributes();
/// This process may read every file, and is not shown them.
bool sees_no_trusted_attributes();

bool stdin_is_terminal();
bool stdout_is_terminal();
bool stderr_is_terminal();
/// Of the terminal at stderr; nothing when that is none.
std::optional<unsigned> terminal_width();

/// Asks on the controlling terminal, not on stdin, and shows nothing of the answer; without the line end.
/// Throws failure: usage when there is no terminal, cancelled at end of file, too_large beyond 1,024 bytes.
/// For a process that has no other thread yet.  A signal that ends or stops it finds the terminal as it was before.
/// The buffer is wiped by its owner (it was never reallocated).
Buffer read_passphrase(const std::string& prompt);

/// Keeps memory from being swapped out and out of core dumps.  Best effort: the system sets narrow limits; false when
/// it refused.
bool lock_memory(ByteView memory);

}  // namespace farkeep
