#include "agent/decision/LiveDecision.h"

#include <algorithm>
#include <cmath>

#include "agent/ppo/SampleAction.h"
#include "base/Clock.h"
#include "base/Error.h"

namespace btcai {

namespace {

using torch::Tensor;

/// Rows without a bar that one bar may bring: ten years of minutes.
constexpr std::int64_t kMostMissing = 5'000'000;

void check(const Bar& bar)
{
    const auto isPrice = [](double price) { return std::isfinite(price) && price > 0.0; };
    const bool isBar = isPrice(bar.open) && isPrice(bar.high) && isPrice(bar.low) && isPrice(bar.close) &&
                       bar.low <= std::min(bar.open, bar.close) && bar.high >= std::max(bar.open, bar.close) &&
                       std::isfinite(bar.volume) && bar.volume >= 0.0;
    if (!isBar)
        throw Error(ErrorKind::BadInput, "the bar of {} is none: open {}, high {}, low {}, close {}, volume {}",
                    formatUtc(bar.timestamp), bar.open, bar.high, bar.low, bar.close, bar.volume);
}

const AgentNetwork& checked(const AgentNetwork& network, const Normalizer& normalizer)
{
    const AgentNetworkOptions& options = network->options();
    if (!options.hasMarket || options.encoder.features != static_cast<std::int64_t>(normalizer.names().size()))
        throw Error(ErrorKind::BadInput,
                    "a network that reads {} features cannot decide on the {} that its normaliser was fitted on",
                    options.hasMarket ? options.encoder.features : 0, normalizer.names().size());
    return network;
}

} // namespace

LiveDecision::LiveDecision(AgentNetwork network, Normalizer normalizer, std::int64_t startTime,
                           std::int64_t intervalSeconds, std::optional<EntrySizer> sizer)
    : m_network(checked(network, normalizer)), m_normalizer(std::move(normalizer)), m_sizer(std::move(sizer)), m_startTime(startTime),
      m_interval(intervalSeconds), m_patch(m_network->options().encoder.patch),
      m_contextRows(m_network->encoder()->contextRows()), m_features(intervalSeconds, m_normalizer.names()),
      m_encoder(m_network->encoder()), m_warmUpBars(static_cast<std::int64_t>(m_features.warmUpBars())),
      m_values(m_features.columns()), m_raw(m_features.columns()), m_normalized(m_features.columns())
{
}

void LiveDecision::push(const Bar& bar)
{
    const std::int64_t next = m_startTime + m_rows * m_interval;
    if (bar.timestamp < next || (bar.timestamp - next) % m_interval != 0 ||
        (bar.timestamp - next) / m_interval > kMostMissing)
        throw Error(ErrorKind::BadInput,
                    "the bar of {} does not follow: the next one opens at {} or whole steps of {} s later, {} at most",
                    formatUtc(bar.timestamp), formatUtc(next), m_interval, kMostMissing);
    check(bar);
    for (std::int64_t missing = (bar.timestamp - next) / m_interval; missing > 0; --missing)
        pushMissing();
    m_features.push(bar, m_values);
    ++m_bars;
    for (std::size_t j = 0; j < m_values.size(); ++j) {
        m_raw[j] = static_cast<float>(m_values[j]);
        if (m_bars >= m_warmUpBars && !std::isfinite(m_raw[j]))
            throw Error(ErrorKind::Numeric, "feature {} is not a finite number at the bar of {}",
                        m_features.info(j).name, formatUtc(bar.timestamp));
    }
    if (m_bars >= m_warmUpBars)
        m_normalizer.applyRow(m_raw, m_normalized);
    closeRow(false);
}

void LiveDecision::pushMissing() { closeRow(true); }

void LiveDecision::closeRow(bool barMissing)
{
    if (m_bars >= m_warmUpBars && (m_encoderRows > 0 || m_rows % m_patch == 0)) {
        m_encoder.push(m_normalized);
        ++m_encoderRows;
    }
    ++m_rows;
    m_barMissing = barMissing;
}

std::int64_t LiveDecision::rowsUntilReady() const
{
    std::int64_t first = m_rows - m_encoderRows; // the first row that the encoder reads
    if (m_encoderRows == 0) {
        const std::int64_t warm = m_rows + std::max<std::int64_t>(m_warmUpBars - m_bars, 1) - 1;
        first = (warm + m_patch - 1) / m_patch * m_patch;
    }
    return std::max<std::int64_t>(first + m_contextRows + 1 - m_rows, 0);
}

Decision LiveDecision::decide(std::span<const float> state, const Tensor& memory)
{
    if (const std::int64_t rows = rowsUntilReady(); rows > 0)
        throw Error(ErrorKind::BadInput, "no decision can be taken yet: {} more bars are needed", rows);
    const auto size = static_cast<std::int64_t>(state.size());
    if (size != m_network->options().privateSize)
        throw Error(ErrorKind::BadInput, "an account's state of {} numbers was given to a network that reads {}", size,
                    m_network->options().privateSize);
    if (const std::int64_t remembered = 2 * m_network->options().recurrentWidth; memory.defined() && memory.numel() != remembered)
        throw Error(ErrorKind::BadInput, "an account's memory of {} numbers was given to a network that remembers {}", memory.numel(), remembered);

    torch::InferenceMode guard;
    const MarketEncoding encoding = m_encoder.newest();
    const AccountInput account = m_network->recall(torch::from_blob(const_cast<float*>(state.data()), {1, 1, 1, size}), memory);
    const HeadOutput heads = m_network->heads(encoding.embedding, account.state);
    const Tensor logits = heads.logits.contiguous();
    const auto* const logit = logits.data_ptr<float>();
    Decision decision{.closeTime = m_startTime + m_rows * m_interval,
                      .barMissing = m_barMissing,
                      .action = 0,
                      .logits = std::vector<float>(logit, logit + logits.numel()),
                      .value = heads.value.item<float>(),
                      .z = encoding.embedding,
                      .gates = encoding.gates,
                      .forecast = {},
                      .memory = account.memory};
    if (m_network->options().horizons > 0)
        decision.forecast = m_network->forecast(encoding.embedding);
    const bool isFinite = std::ranges::all_of(decision.logits, [](float value) { return std::isfinite(value); }) &&
                          std::isfinite(decision.value);
    if (!isFinite)
        throw Error(ErrorKind::Numeric,
                    "the network's answer at the close of {} is not a finite number: its weights or the account's "
                    "state are not",
                    formatUtc(decision.closeTime));
    decision.action = argmaxAction(decision.logits);
    if (m_sizer && m_sizer->isOn()) {
        m_sizer->setForecasts(decision.forecast);
        m_sizer->setSituations(decision.z, {decision.closeTime}, m_interval);
        decision.size = m_sizer->size(decision.logits, decision.action, 0, 0);
    }
    return decision;
}

} // namespace btcai
