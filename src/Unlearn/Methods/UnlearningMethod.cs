using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>The kinds of unlearning methods.</summary>
public enum MethodFamily
{
    /// <summary>Changes training so that the model memorises less.</summary>
    Regulariser,

    /// <summary>Continues training on chosen data.</summary>
    FineTuning,

    /// <summary>Switches feed-forward neurons off.</summary>
    Neuron,

    /// <summary>Sets single weights of feed-forward matrices to zero.</summary>
    Weight,

    /// <summary>Trains against the forget set; not one of the paper's seventeen methods.</summary>
    Gradient,

    /// <summary>Edits as many weights without regard to the data, for comparison.</summary>
    Control,
}

/// <summary>The two forms of a method: the equation's, or the reference code's.</summary>
public enum MethodForm
{
    /// <summary>The method computes its equation.</summary>
    Corrected,

    /// <summary>
    /// The method computes what the reference code computes, defects included, to reproduce its tables.
    /// </summary>
    Reference,
}

/// <summary>
/// A method that makes a model forget. It finds once what to change; a budget says how much of that is
/// applied.
/// </summary>
public abstract class UnlearningMethod : IDeclaredMethod
{
    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <summary>The method's name in tables.</summary>
    public abstract string Title { get; }

    /// <inheritdoc/>
    public abstract string Paper { get; }

    /// <inheritdoc/>
    public abstract string Equation { get; }

    /// <inheritdoc/>
    public virtual IReadOnlyList<MethodOption> Options => [];

    /// <summary>The kind of the method.</summary>
    public abstract MethodFamily Family { get; }

    /// <summary>What a budget is a share of: "of the neurons of each layer".</summary>
    public abstract string BudgetOf { get; }

    /// <summary>Whether the method reads the keep set.</summary>
    public virtual bool NeedsKeep => false;

    /// <summary>Whether the reference form differs from the corrected one.</summary>
    public virtual bool HasReferenceForm => false;

    /// <summary>Whether a finding can be applied only at the budget that it was made for.</summary>
    public virtual bool FitsOneBudget => false;

    /// <summary>Whether the seed changes the finding.</summary>
    public virtual bool Seeded => false;

    /// <summary>Finds what to change. On return the model's weights have the same bits as before.</summary>
    /// <param name="task">Rows to forget and to keep, and the method's options.</param>
    /// <param name="budget">Largest budget that will be applied, 0 to 1.</param>
    /// <exception cref="UserException">The method cannot run on this model or with these rows.</exception>
    public abstract Finding Find(UnlearnTask task, double budget);

    /// <summary>Checks that a budget is 0 to 1 and returns it.</summary>
    /// <exception cref="UserException">The budget is not 0 to 1.</exception>
    public static double Budget(double budget) => budget is >= 0 and <= 1 ? budget
        : throw new UserException($"a budget of {budget}; expected 0 to 1");
}

/// <summary>
/// The change that a method found. It can be applied to an unedited copy of the model at several budgets.
/// </summary>
public abstract class Finding
{
    /// <summary>Edits a model that has the weights the finding was made from. A budget of 0 changes nothing,
    /// bit for bit.</summary>
    /// <param name="model">Model to edit in place.</param>
    /// <param name="budget">Budget, 0 to 1; at most the budget that <see cref="UnlearningMethod.Find"/> was
    /// given.</param>
    public abstract void Apply(LanguageModel model, double budget);
}
