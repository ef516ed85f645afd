#include "models/AccountLstm.h"

#include "models/LstmCell.h"

namespace btcai {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kForgetBias = 1.0;

/// One autograd node for all steps, as lstmOverWindows is.
class AccountScan : public torch::autograd::Function<AccountScan> {
public:
    /// projected: [T, B, 4R]; recurrent: [4R, R]; memory: [B, 2R]; keep: [T, B, 1], 1 where a step's memory goes on to the next, else 0.
    /// Returns the hidden states [T, B, R] and the last memory [B, 2R].
    static variable_list forward(AutogradContext* ctx, const Tensor& projected, const Tensor& recurrent, const Tensor& memory, const Tensor& keep)
    {
        const std::int64_t steps = projected.size(0), rows = projected.size(1), width = recurrent.size(1);
        const Tensor weights = recurrent.t();
        const Tensor gates = projected.clone(at::MemoryFormat::Contiguous);
        const auto perStep = [&] { return torch::empty({steps, rows, width}, projected.options()); };
        const Tensor statesBefore = perStep(), cellsBefore = perStep(), cells = perStep(), cellTanh = perStep(), states = perStep();
        for (std::int64_t k = 0; k < steps; ++k) {
            Tensor stateBefore = statesBefore[k], cellBefore = cellsBefore[k];
            if (k == 0) {
                stateBefore.copy_(memory.narrow(1, 0, width));
                cellBefore.copy_(memory.narrow(1, width, width));
            } else {
                torch::mul_out(stateBefore, states[k - 1], keep[k - 1]);
                torch::mul_out(cellBefore, cells[k - 1], keep[k - 1]);
            }
            gates[k].addmm_(stateBefore, weights);
            lstmStep(gates[k], cellBefore, cells[k], cellTanh[k], states[k]);
        }
        ctx->save_for_backward({recurrent, gates, statesBefore, cellsBefore, cellTanh, keep});
        const Tensor after = torch::cat({states[steps - 1], cells[steps - 1]}, 1);
        ctx->mark_non_differentiable({after});
        return {states, after};
    }

    static variable_list backward(AutogradContext* ctx, variable_list gradients)
    {
        const variable_list saved = ctx->get_saved_variables();
        const Tensor &recurrent = saved[0], &gates = saved[1], &statesBefore = saved[2], &cellsBefore = saved[3], &cellTanh = saved[4], &keep = saved[5];
        const std::int64_t steps = gates.size(0), rows = gates.size(1), width = recurrent.size(1);
        const Tensor& gradHidden = gradients[0];
        const Tensor gradGates = torch::empty_like(gates);
        Tensor gradState = gradHidden[steps - 1].clone();
        Tensor gradCell = torch::zeros({rows, width}, gates.options());
        for (std::int64_t k = steps - 1; k >= 0; --k) {
            lstmStepBackward(gates[k], cellsBefore[k], cellTanh[k], gradState, gradCell, gradGates[k]);
            if (k == 0)
                break;
            gradState = gradGates[k].mm(recurrent).mul_(keep[k - 1]).add_(gradHidden[k - 1]);
            gradCell.mul_(keep[k - 1]);
        }
        const Tensor gradRecurrent = gradGates.view({steps * rows, 4 * width}).t().mm(statesBefore.view({steps * rows, width}));
        return {gradGates, gradRecurrent, Tensor(), Tensor()};
    }
};

} // namespace

AccountLstmImpl::AccountLstmImpl(std::int64_t inputs, std::int64_t width) : m_width(width)
{
    m_input = register_module("input", torch::nn::Linear(inputs, 4 * width));
    m_recurrent = register_parameter("recurrent", torch::empty({4 * width, width}));
    initializeLstm(m_input, m_recurrent, kForgetBias);
}

AccountMemory AccountLstmImpl::forward(const Tensor& state, const Tensor& memory, const Tensor& ended)
{
    const std::int64_t stretches = state.size(0), steps = state.size(1), accounts = state.size(2), rows = stretches * accounts;
    const auto stepsFirst = [&](const Tensor& of, std::int64_t last) { return of.transpose(0, 1).reshape({steps, rows, last}); };
    const Tensor before = memory.defined() ? memory.reshape({rows, 2 * m_width}) : torch::zeros({rows, 2 * m_width}, state.options());
    const Tensor keep = ended.defined() ? stepsFirst(1.0 - ended.to(state.scalar_type()), 1) : torch::ones({steps, rows, 1}, state.options());
    const variable_list scanned = AccountScan::apply(stepsFirst(m_input(state), 4 * m_width), m_recurrent, before, keep);
    return {.hidden = scanned[0].view({steps, stretches, accounts, m_width}).transpose(0, 1).contiguous(),
            .memory = scanned[1].view({stretches, accounts, 2 * m_width})};
}

Tensor withoutEnded(const Tensor& memory, const Tensor& ended) { return memory * (1.0 - ended.to(memory.scalar_type())).unsqueeze(2); }

} // namespace btcai
