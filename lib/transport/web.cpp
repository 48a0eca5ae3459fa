#include "transport/web.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "base/error.hpp"
#include "base/software.hpp"

namespace farkeep {
namespace {

constexpr std::size_t kMostPage = 64 * 1024;  // read so that a short page is no error to its server; libcurl itself takes 300 KiB of fields

// Less taken than came ends the call.
std::size_t drop(char*, std::size_t size, std::size_t count, void* page) {
  std::size_t& left = *static_cast<std::size_t*>(page);
  const std::size_t taken = std::min(left, size * count);
  left -= taken;
  return taken;
}

// Asked about once a second, and more often while something happens.
int is_over(void* stopped, curl_off_t, curl_off_t, curl_off_t, curl_off_t) { return static_cast<const std::atomic<bool>*>(stopped)->load() ? 1 : 0; }

std::string host_of(const std::string& url) {
  const std::size_t begin = url.find("://") + 3;
  const std::string host = url.substr(begin, url.find_first_of("/?#", begin) - begin);
  return host.substr(host.rfind('@') + 1);
}

struct Header {
  explicit Header(const std::string& line) : list(curl_slist_append(nullptr, line.c_str())) {}
  ~Header() { curl_slist_free_all(list); }
  Header(const Header&) = delete;
  Header& operator=(const Header&) = delete;
  curl_slist* list;
};

void call_now(WebCall call, std::chrono::milliseconds within, std::atomic<bool>* stopped) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  const std::string doing = "calling " + host_of(call.url);
  const std::unique_ptr<CURL, void (*)(CURL*)> curl{curl_easy_init(), &curl_easy_cleanup};
  if (!curl) throw failure(Errc::io, doing);
  const Header type("Content-Type: " + call.type);
  char error[CURL_ERROR_SIZE] = {};
  const std::string agent{kSoftware};
  curl_easy_setopt(curl.get(), CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_PROXY, call.proxy.c_str());  // empty: none, not the environment's
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, call.body.data());
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, type.list);
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, agent.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 10L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(within.count()));
  std::size_t page = kMostPage;
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &drop);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &page);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, &is_over);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, stopped);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, error);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code == CURLE_ABORTED_BY_CALLBACK) throw failure(Errc::cancelled, doing);
  const bool goes_on = code == CURLE_WRITE_ERROR && page == 0;  // a longer page: its status has come before it
  if (code != CURLE_OK && !goes_on) {
    const std::string why = error[0] ? error : curl_easy_strerror(code);
    throw failure::whole(code == CURLE_OPERATION_TIMEDOUT ? Errc::timed_out : Errc::unreachable, doing + ": " + why);
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  const bool is_about_this = status == 400 || status == 413 || status == 422;
  if (status < 200 || status > 299) throw failure::whole(is_about_this ? Errc::malformed : Errc::protocol, doing + ": it answers with status " + std::to_string(status));
}

}  // namespace

task<void> CurlWeb::call(WebCall call) { return workers_.offload(&call_now, std::move(call), within_, &stopped_); }

}  // namespace farkeep
