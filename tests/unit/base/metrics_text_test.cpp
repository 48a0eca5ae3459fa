#include "base/metrics_text.hpp"

#include <catch2/catch.hpp>

using namespace farkeep;

TEST_CASE("metrics text: family, labels and numbers as Prometheus reads them") {
  MetricsText m;
  m.family("farkeep_x_seconds", MetricsText::Type::gauge, "What it is.");
  m.sample(1.5);
  m.sample({{"job", "main"}, {"server", "192.0.2.1"}}, 1700000000);
  m.family("farkeep_y_total", MetricsText::Type::counter, "a\nb\\c \"quoted\"");
  m.sample({{"text", "a\nb\\c \"quoted\""}}, 0);
  CHECK(m.text() ==
        "# HELP farkeep_x_seconds What it is.\n# TYPE farkeep_x_seconds gauge\nfarkeep_x_seconds 1.5\nfarkeep_x_seconds{job=\"main\",server=\"192.0.2.1\"} 1700000000\n"
        "# HELP farkeep_y_total a\\nb\\\\c \"quoted\"\n# TYPE farkeep_y_total counter\nfarkeep_y_total{text=\"a\\nb\\\\c \\\"quoted\\\"\"} 0\n");
}
