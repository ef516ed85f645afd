#pragma once

#include <map>
#include <string>

#include "models/AgentNetwork.h"

namespace btcai {

/// A trading network as a TorchScript module (torch.jit.load reads it, without this program), its weights as parameters named as in
/// model.safetensors with "_" for ".". With C = contextRows and P = patch bars, its method is
///
///   forward(features [C + P, F], state [P, S]) -> logits [P, A], value [P], gates [P, branches], mean [P, H], deviation [P, H], shape [P, H, N]
///
/// features: normalised, one row a bar, the latest last; row C begins a token, as rows do whose number in the data divides by P.
/// state: the private observation of the account at each of the last P bars (TradingEnv says what it holds). Row i of the outputs is
/// the decision at bar C + i and reads nothing after it, so that the rows of bars to come may hold any finite numbers. mean and deviation are of the
/// forecast, in units of the target's training deviation; absent without horizons. shape is absent for Gaussian forecasts; of a Student-t it holds the degrees of
/// freedom (N = 1; its scale is deviation sqrt(1 - 2 / shape)), of quantiles those at kForecastLevels, less the mean and over the deviation.
///
/// With recurrence it has a third argument and a last output, memory [2 R]: what the account remembered before the first of those P bars, zeros at the beginning of an
/// episode, and what it remembers after the last of them, to be given with the bars of the next token once these are over.
///
/// Sizes are fixed, weights are copied. `texts` are put beside it by name (the _extra_files of torch.jit.load). Returns the bytes of the file. Throws Error(BadInput) for a network without a market.
std::string torchScriptOf(AgentNetwork network, const std::map<std::string, std::string>& texts = {});

} // namespace btcai
