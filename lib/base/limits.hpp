#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every bound of the program on one page, each with its reason.  Changing one that stands in a format or protocol page
/// changes that page too.
namespace farkeep::limits {

using namespace std::chrono_literals;
inline constexpr std::size_t kKiB = 1024, kMiB = 1024 * kKiB;

// ---- archive (lib/archive/FORMAT.md)
inline constexpr std::size_t kMaxChunk = 512 * kKiB;             // 4 x the largest average that DESIGN §4.7 allows (128 KiB)
inline constexpr std::size_t kSolidTarget = 2 * kMiB;            // chunks are sealed together up to this much plaintext (FORMAT.md §2 has the measurement)
inline constexpr std::size_t kMaxRecordPlain = 2 * kMiB;         // the same: bounds every decoder buffer
inline constexpr std::size_t kMaxRecord = 4 * kMiB;              // plain + header with its ids and references
inline constexpr std::size_t kMaxChunksPerRecord = 16384;        // 1 MiB of 64-byte chunks
inline constexpr std::size_t kMaxRefsPerRecord = 65536;          // 2 MiB of references
inline constexpr std::size_t kMaxManifest = 256 * kKiB;          // statement + certificate chain; details hold paths of sources only
inline constexpr std::size_t kMaxInline = 96;                    // content up to this lies in its entry: a reference would cost 32 bytes
inline constexpr std::size_t kMaxPath = 64 * kKiB;               // 16 times PATH_MAX: deep trees are real, endless ones are not
inline constexpr std::size_t kMaxFolderDepth = 4096;            // folders below a source, each of which costs the walk and a restore a descriptor: PATH_MAX in letters
inline constexpr std::size_t kMaxXattrBytes = 128 * kKiB;        // per entry: Linux allows 64 KiB a value; ext4 about 4 KiB in all
inline constexpr std::size_t kMaxCatalogDepth = 16;              // fan-out is above 50: 16 levels hold more entries than there are atoms

// ---- wire (lib/wire/PROTOCOL.md)
inline constexpr std::size_t kMaxFrameHead = 1 * kMiB;           // the protobuf part: 16,384 ids of 34 bytes fit twice
inline constexpr std::size_t kMaxMessageFields = 16384;          // of one message: the longest list, vaults, has 4,096; each costs up to 100 bytes of memory when it is empty
inline constexpr std::size_t kMaxFrameBody = kMaxRecord + kMiB;  // one largest record, or many small ones
inline constexpr std::size_t kIdsPerQuestion = 16384;            // ids in one Have or Get
inline constexpr std::size_t kIdsOfOtherCopies = 1024;           // ids in a Get for copies other than some: the content of two records…
inline constexpr std::size_t kNotThese = 64;                     // …and of copies that were no good: eight times what a server holds of one id
inline constexpr std::size_t kRecordsCompared = 1024;            // records that one server asks the other to compare at once: small ones of a level…
inline constexpr std::size_t kBytesCompared = 32 * kMiB;         // …and their bytes, which both read: a second of a slow disk, eight of the largest
inline constexpr std::size_t kMaxOutstanding = 64;               // requests in flight on one connection: twice what fills a segment
inline constexpr std::size_t kMaxPingBody = 64 * kKiB;           // as large as what a segment offload hands over at once; it is sent back
inline constexpr std::size_t kUnackedBytes = 48 * kMiB;          // what an agent sends ahead of durable acknowledgements
inline constexpr int kMaxReportJobs = 512;                       // of one agent: some schedule one for each of hundreds of databases
inline constexpr std::size_t kMaxReport = 128 * kKiB;             // those with names and schedules of 100 bytes, twice
inline constexpr std::uint64_t kPageSnapshots = 256;             // in one answer: of 2 KiB each they fill half a head

// ---- time
inline constexpr auto kConnectTimeout = 10s;    // TCP: SYN at 0, 1, 3, 7 s
inline constexpr auto kTlsTimeout = 15s;
inline constexpr auto kHelloTimeout = 15s;
inline constexpr auto kEchoTimeout = 15s;       // 4 KiB there and back: six retransmissions, or a line of 5 kbit/s
inline constexpr auto kSignOfLife = 10s;        // a server that works on a commit for longer says so, again and again
inline constexpr auto kProgressTimeout = 60s;   // no durable acknowledgement for so long: the session is broken
inline constexpr auto kPingInterval = 30s;      // application ping after so much silence; three misses are the end
inline constexpr auto kGoodbye = 5s;            // farewells at shutdown

// ---- store
inline constexpr std::size_t kSegmentTarget = 16 * kMiB;  // a segment is closed, made durable and acknowledged at this size…
inline constexpr auto kSegmentAge = 2s;                   // …or when its first record is this old, or at a commit

// ---- config (lib/config/ini.hpp)
inline constexpr std::size_t kMaxIniFile = 1 * kMiB;      // a fleet's longest file is a few KiB; nobody edits a megabyte by hand
inline constexpr std::size_t kMaxIniLine = 64 * kKiB;     // as long as the longest path
inline constexpr std::size_t kMaxIniLines = 10000;        // bounds the number of errors reported, too
inline constexpr std::size_t kMaxPattern = 4 * kKiB;      // one exclude pattern: PATH_MAX
inline constexpr std::size_t kMaxPatterns = 10000;        // each path is held against each of them

}  // namespace farkeep::limits
