"""The de-identification service.

Import direction: __main__ -> app -> api -> jobs -> engine | store -> policy -> dicom -> settings | errors.
"""
