#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <boost/system/system_error.hpp>
#include <string>
#include <type_traits>

namespace farkeep {

/// What can go wrong, one value per thing a caller or an administrator would treat differently.
enum class Errc {
  // Malformed or untrue bytes: from a peer, a disk, a file somebody edited.
  malformed = 1,        ///< bytes do not follow their grammar
  unsupported_version,  ///< a format or protocol version that this program does not know
  too_large,            ///< a length beyond limits.hpp
  damaged,              ///< stored bytes do not match their checksum or authentication tag
  id_mismatch,          ///< opened correctly, but the content is not what its id promises
  missing_object,       ///< a referenced chunk, node or envelope is not there
  rollback,             ///< a server shows an older or another history than it acknowledged
  fork,                 ///< two different manifests with one sequence number

  // Identity and authority.
  identity,       ///< the peer is not who it must be (certificate, signature, pinned id)
  unauthorised,   ///< known, but not allowed
  bad_token,      ///< enrolment token wrong, used up or expired
  bad_secret,     ///< passphrase or recovery key does not open the key slot

  // The world outside.
  unreachable,   ///< no connection could be made
  disconnected,  ///< a connection was made and then lost
  timed_out,     ///< a bounded wait ran out
  protocol,      ///< the peer broke the protocol
  busy,          ///< locked by somebody else, or the peer asks to come back later
  quota,         ///< the account's or agent's quota is used up
  no_space,      ///< the disk is full
  io,            ///< reading or writing a disk failed

  // Ours to report.
  usage,          ///< wrong command line
  configuration,  ///< wrong or missing setting
  not_found,      ///< the named thing does not exist
  exists,         ///< the named thing exists already
  cancelled,      ///< stopped on request
  incomplete,     ///< done, but some files could not be read or changed while they were read

  // The way out.  Never said by a peer.
  proxy,        ///< the proxy, not a server behind it, is in the way
  proxy_login,  ///< the proxy wants a login, or not this one

  // A command line of the configuration.  Never said by a peer.
  command,  ///< it failed, or took too long
};

const boost::system::error_category& farkeep_category() noexcept;
inline boost::system::error_code make_error_code(Errc e) noexcept { return {static_cast<int>(e), farkeep_category()}; }

/// Error numbers of a disk that lies behind a network (NFS, CIFS, FUSE): it says "timed out" and "not connected" too, and no server of ours is meant.  All are sorted under
/// Errc::io.
const boost::system::error_category& far_disk_category() noexcept;

/// True for what may pass by itself (a lost connection, a busy peer): retrying later makes sense.
bool is_temporary(const boost::system::error_code& code) noexcept;

/// Malformed input gives a code, never an exception.
template <class T>
using result = boost::system::result<T>;

/// The work cannot go on.  `doing` says what was being done, to what; it holds no secret.
/// Caught at three fences only: the session, the job, main.
class failure : public boost::system::system_error {
 public:
  failure(Errc code, const std::string& doing) : failure(make_error_code(code), doing) {}
  failure(boost::system::error_code code, const std::string& doing);
  /// A text that says all of it already, the cause too.
  static failure whole(Errc code, std::string text);
  /// "doing: what is wrong", for people: without the code's number and category, and not twice where `doing` ends with it already.
  const char* what() const noexcept override { return text_.c_str(); }

 protected:
  struct Whole {};
  failure(Whole, Errc code, std::string text);

 private:
  std::string text_;
};

/// errno of a file, a folder or a process as a failure: ENOSPC and EDQUOT become no_space, ENOENT not_found, EEXIST exists, the rest keep their code where that is sorted
/// under io, and go to far_disk_category() where it would be sorted under the network's, or as a wish to stop.
[[noreturn]] void throw_errno(int error, const std::string& doing);

/// Our code for an exception's error: Errc values as they are, system and Asio errors sorted into the kinds above.
Errc classify(const boost::system::error_code& code) noexcept;

/// The value, or a failure that says what was being done.
template <class T>
T value_or_throw(result<T> r, const std::string& doing) {
  if (!r) throw failure(r.error(), doing);
  if constexpr (!std::is_void_v<T>) return std::move(*r);
}

/// Exit codes of every program (DESIGN §2).
enum class Exit : int {
  done = 0, failed = 1, usage = 2, incomplete = 3, unreachable = 4, refused = 5, alarm = 6, busy = 7, quota = 8, interrupted = 130,
};
Exit exit_code(const boost::system::error_code& code) noexcept;

}  // namespace farkeep

template <>
struct boost::system::is_error_code_enum<farkeep::Errc> : std::true_type {};
