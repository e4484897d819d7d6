using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>Which kind of method it is.</summary>
public enum MethodFamily
{
    /// <summary>Changes training, so that less is memorised.</summary>
    Regulariser,

    /// <summary>Goes on training with chosen data.</summary>
    FineTuning,

    /// <summary>Switches feed-forward neurons off.</summary>
    Neuron,

    /// <summary>Sets single weights of feed-forward matrices to zero.</summary>
    Weight,

    /// <summary>Trains against the forget set; not among the paper's seventeen.</summary>
    Gradient,

    /// <summary>What any edit of that size does.</summary>
    Control,
}

/// <summary>Which reading of a method.</summary>
public enum MethodForm
{
    /// <summary>As its equation says.</summary>
    Corrected,

    /// <summary>As the reference code computes it, defects included, to reproduce its tables.</summary>
    Reference,
}

/// <summary>A way to make a model forget: it finds once what to change, and a budget says how much of that
/// is applied.</summary>
public abstract class UnlearningMethod : IDeclaredMethod
{
    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <summary>The name in tables.</summary>
    public abstract string Title { get; }

    /// <inheritdoc/>
    public abstract string Paper { get; }

    /// <inheritdoc/>
    public abstract string Equation { get; }

    /// <inheritdoc/>
    public virtual IReadOnlyList<MethodOption> Options => [];

    /// <summary>Its kind.</summary>
    public abstract MethodFamily Family { get; }

    /// <summary>What a budget is a share of: "of the neurons of each layer".</summary>
    public abstract string BudgetOf { get; }

    /// <summary>Whether it reads the keep set.</summary>
    public virtual bool NeedsKeep => false;

    /// <summary>Whether the reference form computes something else.</summary>
    public virtual bool HasReferenceForm => false;

    /// <summary>Whether it fits its finding to the budget, so that the finding holds for no other.</summary>
    public virtual bool FitsOneBudget => false;

    /// <summary>Whether the seed changes its result.</summary>
    public virtual bool Seeded => false;

    /// <summary>Finds what to change. When it returns, the model's weights have the bits that they had
    /// before.</summary>
    /// <param name="task">The rows to forget and to keep, and the options.</param>
    /// <param name="budget">The largest that will be applied, 0 to 1.</param>
    /// <exception cref="UserException">It cannot run on this model or with these rows.</exception>
    public abstract Finding Find(UnlearnTask task, double budget);

    /// <summary>Returns a budget that is in 0 to 1.</summary>
    /// <exception cref="UserException">The budget is outside of 0 to 1.</exception>
    public static double Budget(double budget) => budget is >= 0 and <= 1 ? budget
        : throw new UserException($"a budget of {budget}; expected 0 to 1");
}

/// <summary>What a method found; it can be applied to an unedited copy of the model at any budget.</summary>
public abstract class Finding
{
    /// <summary>Edits a model that has the weights the finding was made from. A budget of 0 changes nothing,
    /// bit for bit.</summary>
    /// <param name="model">Edited in place.</param>
    /// <param name="budget">0 to 1; at most what was asked for where it was found.</param>
    public abstract void Apply(LanguageModel model, double budget);
}
