#pragma once

#include <cstdint>
#include <vector>

#include "async/workers.hpp"
#include "store/store.hpp"
#include "vault/layout.hpp"
#include "vault/place.hpp"
#include "vault/segment.hpp"

namespace farkeep {

/// Numbers of segments are below this: 32 PiB.  A larger one is somebody's mistake, and the ones after it must not wrap.
inline constexpr std::uint64_t kSegmentNumbers = std::uint64_t{1} << 31;

struct SegmentInfo {
  std::uint32_t number = 0;
  std::uint64_t size = 0;
  bool operator==(const SegmentInfo&) const = default;
};

/// Frames of one segment that lie close together: read at once.
struct ReadWindow {
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
  std::size_t size = 0;
  std::vector<Place> places;  ///< one for each frame, ascending
};
/// Windows over record copies, sorted by copy() and each once.  At most about a MiB, or one frame.
std::vector<ReadWindow> plan_reads(const std::vector<Place>& copies);

/// What a window held.
struct WindowContent {
  Buffer records;             ///< the good records, one after the other
  std::vector<Place> good;    ///< whose they are, in the same order
  std::vector<Place> damaged;
};

/// A vault's finished segments, as they lie in the store.
class Segments {
 public:
  Segments(Store& store, Workers& workers, VaultLayout layout)
      : store_(store), workers_(workers), layout_(std::move(layout)) {}

  /// In ascending order.
  task<std::vector<SegmentInfo>> list();
  /// All ids of a segment, from its footer; from the frames themselves (and a line in the log) where that is damaged: then nothing says
  /// that a copy counts over earlier ones.  Throws failure(unsupported_version) for a footer of a later format.
  task<std::vector<IndexEntry>> entries(SegmentInfo segment);
  /// Reads and checks.  A segment that is not there: all of the window is damaged.
  task<WindowContent> read(ReadWindow window);

 private:
  Store& store_;
  Workers& workers_;
  VaultLayout layout_;
};

/// The index's view of a segment's entries.
std::vector<IndexEntry> index_entries(std::uint32_t segment, const std::vector<SegmentEntry>& entries);

}  // namespace farkeep
